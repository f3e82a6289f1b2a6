internal import GatewayCore
internal import GatewaySystem

/// The port of one bus, as long as there is one. One thread.
///
/// Promises: a port that went, or whose path now leads elsewhere, is closed; a closed one is opened at most once a
/// second, whatever number it comes back under; the bus's meter says which it is, and why.
final class SerialLink {
  private static let openInterval = Duration.seconds(1)

  private let line: SerialLine
  private let meter: BusMeter
  private var port: SerialPort?
  private var nextOpen = BootTime(microseconds: .min)

  init(_ line: SerialLine, meter: BusMeter) {
    self.line = line
    self.meter = meter
  }

  var isOpen: Bool { port != nil }

  var descriptor: Int32? { port?.descriptor }

  /// Opens the port if it is closed and it is time for that; whether it was opened by this call.
  func openIfClosed(at now: BootTime) -> Bool {
    guard !isOpen, now >= nextOpen else { return false }
    do throws(SerialPort.Failure) {
      port = try SerialPort(line)
      meter.record(connected: true)
      return true
    } catch {
      nextOpen = SystemClock.boot.advanced(by: Self.openInterval)
      meter.record(connected: false)
      meter.record(error.isBusy ? .busy : .disconnected)
      meter.record(error: error.description)
      return false
    }
  }

  /// Closes the port when it is no longer the one that is meant.
  func closeIfStale() {
    guard let isGone = port?.isGone, let leadsHere = port?.leadsHere else { return }
    if isGone {
      close("the device is gone")
    } else if !leadsHere {
      close("the path leads to another device, or to none")
    }
  }

  /// Bytes received, without waiting; 0 when there are none.
  func receive(into room: UnsafeMutableRawBufferPointer) -> Int {
    switch port?.receive(into: room) {
    case .bytes(let count): return count
    case .nothing, nil: return 0
    case .gone(let code):
      close(SystemError.text(code))
      return 0
    }
  }

  /// Whether all was sent.
  func send(_ bytes: [UInt8]) -> Bool {
    do throws(SerialPort.Failure) {
      try port?.send(bytes)
      return isOpen
    } catch {
      close(error.cause)
      return false
    }
  }

  private func close(_ cause: String) {
    port = nil
    // The adapter may be back at once, under another number.
    nextOpen = BootTime(microseconds: .min)
    meter.record(connected: false)
    meter.record(.disconnected)
    meter.record(error: "cannot use serial port \"\(line.device)\": \(cause)")
  }
}
