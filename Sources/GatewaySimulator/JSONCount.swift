internal import GatewayCore

extension JSONValue {
  /// A number that counts something; `unsigned` is kept for what `signed` cannot hold.
  static func count(_ number: UInt64) -> JSONValue {
    Int64(exactly: number).map { .signed($0) } ?? .unsigned(number)
  }
}
