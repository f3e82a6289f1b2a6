/// What goes wrong at simulated devices.
package struct FieldFault: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// Answers take so much longer; those behind them wait.
    case delay(Duration)
    /// No answer.
    case silent
    /// The server's connections are closed and new ones refused.
    case refuse
    case exception(UInt8)
    /// Random bytes instead of an answer.
    case garbage
    /// The first half of the answer, then the end of the connection.
    case short
    case wrongTransaction, wrongUnit, wrongFunction
    /// The connection is closed instead of answering.
    case close
    /// The answer comes so much later; those to the next requests come on time, before it.
    case late(Duration)
  }

  package var kind: Kind
  /// A place in the list of listening ports; nil: all.
  package var server: Int?
  /// nil: all. A `refuse` knows no units.
  package var unit: UInt8?

  package init(_ kind: Kind, server: Int? = nil, unit: UInt8? = nil) {
    self.kind = kind
    self.server = server
    self.unit = unit
  }

  func strikes(server: Int, unit: UInt8) -> Bool {
    (self.server ?? server) == server && (self.unit ?? unit) == unit
  }

  /// The control port's words, with `ms` for delay and late, and `code` for exception.
  static func kind(word: String, milliseconds: Int?, code: UInt8?) -> Kind? {
    switch word {
    case "delay": milliseconds.map { .delay(.milliseconds($0)) }
    case "late": milliseconds.map { .late(.milliseconds($0)) }
    case "silent": .silent
    case "refuse": .refuse
    case "exception": code.map { .exception($0) }
    case "garbage": .garbage
    case "short": .short
    case "wrong-transaction": .wrongTransaction
    case "wrong-unit": .wrongUnit
    case "wrong-function": .wrongFunction
    case "close": .close
    default: nil
    }
  }
}
