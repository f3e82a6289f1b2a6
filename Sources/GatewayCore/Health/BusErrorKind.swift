/// What can go wrong with one exchange on a bus, as a technician tells causes apart: a device that is off, a
/// cable that picks up noise, a gateway that mixes up answers.
package enum BusErrorKind: UInt8, CaseIterable, Sendable {
  /// Nobody answered in time.
  case timeout
  /// The port or the connection is gone, or could not be opened.
  case disconnected
  case checksum
  /// An answer of another unit than the one that was asked.
  case foreignUnit
  case wrongFunction
  case wrongLength
  /// An answer to another request (Modbus TCP's transaction identifier).
  case wrongTransaction
  /// An answer that came after its request was given up.
  case late
  /// The device refused, in the protocol's own form.
  case exception
  /// Bytes that belong to no frame.
  case noise
  /// More came than there was room for.
  case overflow
  /// Somebody else holds the line, or the kernel has no room for the event.
  case busy

  package var word: StaticString {
    switch self {
    case .timeout: "timeout"
    case .disconnected: "disconnected"
    case .checksum: "checksum"
    case .foreignUnit: "foreign-unit"
    case .wrongFunction: "wrong-function"
    case .wrongLength: "wrong-length"
    case .wrongTransaction: "wrong-transaction"
    case .late: "late"
    case .exception: "exception"
    case .noise: "noise"
    case .overflow: "overflow"
    case .busy: "busy"
    }
  }
}
