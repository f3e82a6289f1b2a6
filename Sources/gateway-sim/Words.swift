internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem
internal import Glibc

struct UsageError: Error {
  var sentence: String
  init(_ sentence: String) { self.sentence = sentence }
}

/// The command line's words, taken one by one.
struct Words {
  private var rest: ArraySlice<String>

  init(_ words: ArraySlice<String>) { rest = words }

  mutating func next() -> String? { rest.popFirst() }

  mutating func value(of option: String) throws(UsageError) -> String {
    guard let value = rest.popFirst() else { throw UsageError("\(option) needs a value") }
    return value
  }
}

/// What both commands do: run until a signal, then print the books.
enum Run {
  /// Prints why it cannot go on, and ends with `code` (sysexits).
  static func fail(_ sentence: String, code: Int32) -> Never {
    printError("gateway-sim: \(sentence)\n")
    exit(code)
  }

  static func untilSignalled(_ signals: Signals) {
    while signals.wait(timeout: .seconds(3600)) != .terminate {}
  }

  static func printBooks(_ books: JSONValue) {
    var buffer = ByteBuffer(capacity: 1024)
    JSONWriter.append(books, to: &buffer)
    printOut(buffer.withBytes { String(decoding: $0, as: UTF8.self) } + "\n")
  }
}
