internal import GatewayControl
internal import GatewayCore
internal import GatewaySources
internal import GatewaySystem
internal import Glibc

/// Puts together what `gatewayctl gpio` shows: the kernel's word on each line, and the gateway's points on them.
/// Opens GPIO chips only, whatever a client names: opening another device may do something to it.
enum ChipBoard {
  static func report(on chip: String, _ acquisition: Acquisition) -> ChipAnswer {
    guard let path = path(of: chip, acquisition) else { return .unknown(known: known(acquisition)) }
    do throws(SystemError) {
      let points = points(onChip: path, acquisition)
      let lines = try GPIOChip.inventory(path: path).map { info in
        let point = points[info.offset]
        return ChipReport.Line(
          offset: info.offset, name: info.name, isHeld: info.isUsed, holder: info.consumer,
          isOutput: info.isOutput, isActiveLow: info.isActiveLow, level: info.level, point: point?.name,
          value: point?.value)
      }
      return .report(ChipReport(path: path, lines: lines))
    } catch {
      return .failed(SystemError.text(error.code))
    }
  }

  /// A bus's name, a configured chip's path, `/dev/gpiochip0` or `gpiochip0`; nil for anything else.
  private static func path(of chip: String, _ acquisition: Acquisition) -> String? {
    let chips = chips(acquisition)
    if let named = chips.first(where: { $0.bus == chip || $0.path == chip }) { return named.path }
    let name = chip.hasPrefix(directory) ? chip.dropFirst(directory.count) : chip[...]
    let number = name.dropFirst(prefix.count)
    let isChip = name.hasPrefix(prefix) && !number.isEmpty && number.utf8.allSatisfy { 0x30...0x39 ~= $0 }
    guard isChip, access(directory + name, F_OK) == 0 else { return nil }
    return directory + name
  }

  private static let directory = "/dev/"
  private static let prefix = "gpiochip"

  private static func chips(_ acquisition: Acquisition) -> [(bus: String, path: String)] {
    acquisition.buses.compactMap { bus in
      if case .gpio(let chip) = bus.config.link { (bus.config.name, chip) } else { nil }
    }
  }

  private static func known(_ acquisition: Acquisition) -> [String] {
    // No board that stands in a cabinet has more.
    let present = (0..<32).map { directory + prefix + String($0) }.filter { access($0, F_OK) == 0 }
    return chips(acquisition).map(\.bus) + present
  }

  /// The points of every bus that is this chip, by their line.
  private static func points(
    onChip path: String, _ acquisition: Acquisition
  ) -> [UInt32: StatusSnapshot.Point] {
    let buses = Set(chips(acquisition).filter { real($0.path) == real(path) }.map(\.bus))
    var points: [UInt32: StatusSnapshot.Point] = [:]
    var live = acquisition.pipeline.live.snapshot[...]
    for device in acquisition.devices.map(\.config) {
      for point in device.points {
        guard let reading = live.popFirst() else { return points }
        if case .line(let line) = point.place, buses.contains(device.bus) { points[line.offset] = reading }
      }
    }
    return points
  }

  /// The same chip may be named by udev's links.
  private static func real(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
