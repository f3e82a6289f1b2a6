internal import GatewayCore
internal import GatewaySystem
internal import Glibc

/// Why a request brought no registers.
enum ModbusFailure: Error, Equatable {
  /// No complete answer in time; with `foreign`, something else came instead.
  case timeout(foreign: Bool)
  /// The connection could not be made, or broke; an `errno` value.
  case disconnected(code: Int32)
  /// The device refused (Modbus Application Protocol 1.1b3, section 7).
  case exception(code: UInt8)
  /// The answer's check is wrong, also after it was asked for again.
  case checksum
  /// The stream of a TCP connection makes no sense any more.
  case outOfStep
  /// The line is never silent: something on it sends without end.
  case babble
  /// The gateway stops.
  case interrupted

  var reason: QualityReason {
    switch self {
    case .timeout(foreign: false): .timeout
    case .timeout(foreign: true), .checksum, .outOfStep, .babble: .badAnswer
    case .disconnected, .interrupted: .disconnected
    case .exception(let code): QualityReason(modbusException: code)
    }
  }

  /// The device may be dead; what its breaker counts.
  var isSilence: Bool {
    switch self {
    case .timeout, .disconnected: true
    case .exception, .checksum, .outOfStep, .babble, .interrupted: false
    }
  }

  var kind: BusErrorKind {
    switch self {
    case .timeout: .timeout
    case .disconnected, .interrupted: .disconnected
    case .exception: .exception
    case .checksum: .checksum
    case .outOfStep: .wrongLength
    case .babble: .noise
    }
  }

  /// The cause, to stand after `cannot … "name": `. `patience` is how long the answer was waited for.
  func cause(patience: Duration) -> String {
    switch self {
    case .timeout(foreign: false): "no answer within \(patience.microseconds / 1000) ms"
    case .timeout(foreign: true): "only what breaks the protocol or belongs to another request came"
    // What claiming or opening a port says; a connection never does.
    case .disconnected(EBUSY), .disconnected(EWOULDBLOCK): "another program uses it"
    case .disconnected(let code): SystemError.text(code)
    case .exception(let code) where reason == .unknownException: "undefined exception \(code)"
    case .exception(let code): "exception \(code), \(reason.word)"
    case .checksum: "the answer's check is wrong"
    case .outOfStep: "the answer breaks the protocol"
    case .babble: "the line is never silent"
    case .interrupted: "the gateway stops"
    }
  }
}
