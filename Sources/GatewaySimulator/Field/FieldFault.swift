/// What goes wrong at simulated devices.
package struct FieldFault: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// Answers take so much longer; those behind them wait.
    case delay(Duration)
    /// No answer.
    case silent
    /// The port goes: a TCP port closes its connections and refuses new ones, a pty disappears with its link and comes
    /// back as another. `refuse` and `unplug` are the same.
    case unplug
    case exception(UInt8)
    /// Random bytes instead of an answer.
    case garbage
    /// The first half of the answer, then the end of the connection (a line has no end).
    case short
    case wrongTransaction, wrongUnit, wrongFunction
    /// The connection is closed instead of answering; on a line: no answer.
    case close
    /// The answer comes so much later; those to the next requests come on time, before it. On a line these are other
    /// units': a slave answers in the order in which it was asked.
    case late(Duration)
    /// A sound frame of another unit, function or length, in turn (over TCP also of another transaction); half the time
    /// the right answer follows.
    case foreign
    /// One to eight bits of the answer are flipped, where a checksum sees it; over TCP, which has its own, in the head.
    case corrupt
    /// One to eight random bytes before the answer.
    case noise
    /// The port sends random bytes without end.
    case babble
    /// The request comes back before the answer.
    case echo
    /// The answer comes byte by byte, with so much between.
    case fragment(Duration)
  }

  package var kind: Kind
  /// A place in the list of ports; nil: all.
  package var server: Int?
  /// nil: all. `unplug` and `babble` know no units; what a plain serial device says has none.
  package var unit: UInt8?

  package init(_ kind: Kind, server: Int? = nil, unit: UInt8? = nil) {
    self.kind = kind
    self.server = server
    self.unit = unit
  }

  func strikes(server: Int, unit: UInt8?) -> Bool {
    (self.server ?? server) == server && (self.unit == nil || self.unit == unit)
  }

  /// The control port's words, with `ms` for delay, late and fragment, and `code` for exception.
  static func kind(word: String, milliseconds: Int?, code: UInt8?) -> Kind? {
    switch word {
    case "delay": milliseconds.map { .delay(.milliseconds($0)) }
    case "late": milliseconds.map { .late(.milliseconds($0)) }
    case "fragment": .fragment(.milliseconds(milliseconds ?? 5))
    case "silent": .silent
    case "refuse", "unplug": .unplug
    case "exception": code.map { .exception($0) }
    case "garbage": .garbage
    case "short": .short
    case "wrong-transaction": .wrongTransaction
    case "wrong-unit": .wrongUnit
    case "wrong-function": .wrongFunction
    case "close": .close
    case "foreign": .foreign
    case "corrupt": .corrupt
    case "noise": .noise
    case "babble": .babble
    case "echo": .echo
    default: nil
    }
  }
}
