internal import GatewayCore
internal import GatewaySystem

/// Why a request brought no registers.
enum ModbusFailure: Error, Equatable {
  /// No complete answer within the bus's timeout.
  case timeout
  /// The connection could not be made, or broke; an `errno` value.
  case disconnected(code: Int32)
  /// The device refused (Modbus Application Protocol 1.1b3, section 7). 0: a code that the specification
  /// does not define.
  case exception(code: UInt8)
  /// An answer that breaks the protocol or belongs to another request.
  case badAnswer
  /// libmodbus addresses units 0 … 247 and 255 only.
  case unaddressable

  var reason: QualityReason {
    switch self {
    case .timeout: .timeout
    case .disconnected: .disconnected
    case .exception(let code): QualityReason(modbusException: code)
    case .badAnswer: .badAnswer
    case .unaddressable: .gatewayTarget
    }
  }

  /// The device spoke the protocol, and the connection can go on being used.
  var isAnswer: Bool {
    if case .exception = self { true } else { false }
  }

  /// The device may be dead; what its breaker counts.
  var isSilence: Bool {
    switch self {
    case .timeout, .disconnected: true
    case .exception, .badAnswer, .unaddressable: false
    }
  }

  /// The cause, to stand after `cannot … "name": `.
  func cause(timeout: Duration) -> String {
    switch self {
    case .timeout: "no answer within \(timeout.microseconds / 1000) ms"
    case .disconnected(let code): SystemError.text(code)
    case .exception(let code) where reason == .unknownException:
      "undefined exception\(code == 0 ? "" : " \(code)")"
    case .exception(let code): "exception \(code), \(reason.word)"
    case .badAnswer: "the answer breaks the protocol or belongs to another request"
    case .unaddressable: "libmodbus addresses units 0-247 and 255 only"
    }
  }
}
