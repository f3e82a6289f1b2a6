/// How the programs end: sysexits(3).
package enum ExitCode {
  package static let success: Int32 = 0
  package static let usage: Int32 = 64
  /// The state directory cannot be used.
  package static let cannotCreate: Int32 = 73
  /// Another daemon holds the state directory.
  package static let temporaryFailure: Int32 = 75
  package static let configuration: Int32 = 78
  package static let osError: Int32 = 71
}
