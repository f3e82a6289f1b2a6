private import CGpio
internal import GatewayCore
package import GatewaySystem
internal import Glibc

/// The owner of an open GPIO chip; with the requests that it gave, the only file that knows libgpiod. One thread.
///
/// Relies on /sys being there: libgpiod 1.6 looks the chip up in it. A class, so that each request holds on to
/// the chip that it came from.
package final class GPIOChip {
  /// What the kernel says of one line.
  package struct LineInfo: Equatable, Sendable {
    package var offset: UInt32
    /// nil where the board gives the line none.
    package var name: String?
    /// Who holds it; nil where nobody does, or without a name.
    package var consumer: String?
    package var isUsed: Bool
    package var isOutput: Bool
    package var isActiveLow: Bool
    /// nil where it cannot be read without disturbing somebody.
    package var level: Bool?
  }

  /// What a line is requested for.
  struct Settings: Equatable, Sendable {
    /// nil reports none.
    var edges: GPIOLine.Edge?
    var bias = GPIOLine.Bias.asIs
    var isActiveLow = false
    var keepsDirection = false
  }

  /// Shown to whoever asks the kernel who holds a line.
  private static let consumer = "gatewayd"
  private let chip: OpaquePointer
  /// gpiochip0
  private let name: String

  /// `path` may be a symbolic link, which udev's rules make.
  package init(path: String) throws(SystemError) {
    // libgpiod 1.6 takes the name of the path for the chip's own.
    let resolved = resolvedPath(path) ?? path
    let chip = gateway_gpio_open(resolved)
    let code = errno
    guard let chip else { throw SystemError("cannot open chip \"\(path)\"", code: code) }
    self.chip = chip
    name = String(
      resolved[(resolved.lastIndex(of: "/").map(resolved.index(after:)) ?? resolved.startIndex)...])
  }

  /// The chip that `path` named when it was at `place`; where no place is known yet, what is there.
  static func find(_ path: String, at place: ChipPlace?) throws(SystemError) -> GPIOChip {
    guard let place else { return try GPIOChip(path: path) }
    for candidate in [path] + place.candidates {
      if let chip = try? GPIOChip(path: candidate), chip.place == place { return chip }
    }
    throw SystemError("cannot find chip \"\(path)\" on \(place.device)", code: ENODEV)
  }

  deinit { gateway_gpio_close(chip) }

  var place: ChipPlace? {
    let label = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { room in
      gateway_gpio_chip_label(chip, room.baseAddress, room.count) == 0
        ? String(cString: room.baseAddress!) : ""
    }
    return ChipPlace(name: name, label: label)
  }

  /// 0 where the chip is gone.
  package var lineCount: UInt32 { UInt32(max(gateway_gpio_line_count(chip), 0)) }

  /// As the kernel knows it now, without its level; nil where there is no such line, or no chip any more.
  package func info(_ offset: UInt32) -> LineInfo? {
    var info = gateway_gpio_line_info()
    guard gateway_gpio_line_info(chip, offset, &info) == 0 else { return nil }
    return LineInfo(
      offset: offset, name: Self.text(&info.name), consumer: Self.text(&info.consumer), isUsed: info.is_used,
      isOutput: info.is_output, isActiveLow: info.is_active_low)
  }

  /// All lines of a chip. The level of a line that nobody holds is read by requesting it as it is.
  package static func inventory(path: String) throws(SystemError) -> [LineInfo] {
    let chip = try GPIOChip(path: path)
    return (0..<chip.lineCount).compactMap { offset in
      guard var info = chip.info(offset) else { return nil }
      let settings = Settings(edges: nil, isActiveLow: info.isActiveLow, keepsDirection: true)
      if !info.isUsed { info.level = try? chip.request(offset, settings).level() }
      return info
    }
  }

  func request(_ offset: UInt32, _ settings: Settings) throws(Errno) -> GPIORequest {
    var wanted = gateway_gpio_settings()
    wanted.edges =
      switch settings.edges {
      case nil: GATEWAY_GPIO_NO_EDGE
      case .rising: GATEWAY_GPIO_RISING
      case .falling: GATEWAY_GPIO_FALLING
      case .both: GATEWAY_GPIO_BOTH_EDGES
      }
    wanted.bias =
      switch settings.bias {
      case .asIs: GATEWAY_GPIO_BIAS_AS_IS
      case .disabled: GATEWAY_GPIO_BIAS_DISABLED
      case .pullUp: GATEWAY_GPIO_PULL_UP
      case .pullDown: GATEWAY_GPIO_PULL_DOWN
      }
    wanted.is_active_low = settings.isActiveLow
    wanted.keeps_direction = settings.keepsDirection
    wanted.event_room = GPIORequest.eventRoom
    let request = gateway_gpio_request(chip, offset, Self.consumer, &wanted)
    let code = errno
    guard let request else { throw Errno(code: code) }
    return GPIORequest(request, of: self)
  }

  /// A name in the kernel's fixed room; nil for an empty one.
  private static func text<Characters>(_ characters: inout Characters) -> String? {
    let text = withUnsafeBytes(of: &characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return text.isEmpty ? nil : text
  }
}

/// The owner of one requested line.
struct GPIORequest: ~Copyable {
  /// Most events that one read takes.
  static let mostEvents = Int(GATEWAY_GPIO_READ)
  /// Events that the kernel keeps for a line with libgpiod 2.x, a second of pulses; with 1.6 it is always 16.
  fileprivate static let eventRoom = 1024
  /// Whether events have numbers; without them a loss can only be suspected, from as many events as there is
  /// room for.
  static let numbersEvents = gateway_gpio_api() >= 2

  private let request: OpaquePointer
  private let chip: GPIOChip

  fileprivate init(_ request: OpaquePointer, of chip: GPIOChip) {
    self.request = request
    self.chip = chip
  }

  deinit { gateway_gpio_release(request) }

  /// Readable while events wait; nil where none were asked for.
  var descriptor: Int32? {
    let number = gateway_gpio_descriptor(request)
    return number >= 0 ? number : nil
  }

  /// Whether the line is active now.
  func level() throws(Errno) -> Bool {
    let level = gateway_gpio_level(request)
    let code = errno
    guard level >= 0 else { throw Errno(code: code) }
    return level > 0
  }

  /// Takes waiting events, the oldest first, into the start of `room`; returns how many. Fewer than fit: no more
  /// are waiting.
  func read(into room: UnsafeMutableBufferPointer<LineEvent>) throws(Errno) -> Int {
    try withUnsafeTemporaryAllocation(of: gateway_gpio_event.self, capacity: Self.mostEvents) {
      events throws(Errno) in
      let wanted = min(room.count, events.count)
      let count = Int(gateway_gpio_read_events(request, events.baseAddress, wanted))
      let code = errno
      if count < 0, code == EAGAIN { return 0 }
      guard count >= 0 else { throw Errno(code: code) }
      for place in 0..<count {
        room[place] = LineEvent(
          at: MonotonicTime(nanoseconds: Int64(clamping: events[place].nanoseconds)),
          isRising: events[place].is_rising, number: events[place].line_seqno)
      }
      return count
    }
  }
}
