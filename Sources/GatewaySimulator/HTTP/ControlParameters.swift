internal import GatewayCore

/// The parameters that all control requests share, read from the query string.
enum ControlParameters {
  /// `seconds`, `share` and `count`; nil when one of them is not a number in its range.
  static func term(_ request: HTTPRequest) -> FaultTerm? {
    var term = FaultTerm()
    if let text = request.query("seconds") {
      guard let seconds = Double(text), (0...1e6).contains(seconds) else { return nil }
      term.duration = .microseconds(Int64(seconds * 1e6))
    }
    if let text = request.query("share") {
      guard let share = Double(text), (0...1).contains(share) else { return nil }
      term.share = share
    }
    if let text = request.query("count") {
      guard let count = Int(text), count > 0 else { return nil }
      term.count = count
    }
    return term
  }

  /// A whole number in `range`; nil when it is missing or not one.
  static func number(_ request: HTTPRequest, _ name: String, in range: ClosedRange<Int>) -> Int? {
    request.query(name).flatMap { Int($0) }.flatMap { range.contains($0) ? $0 : nil }
  }
}
