// `gatewayctl`: what a technician asks the daemon. Reads the command line and runs one verb; each verb has a
// file.
internal import GatewayControl
internal import GatewayCore
internal import Glibc

@main
struct Program {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    do throws(UsageError) {
      let invocation = try Invocation(parsing: arguments)
      exit(try invocation.run())
    } catch {
      printError(error.sentence)
      printError("try 'gatewayctl help'")
      exit(ExitCode.usage)
    }
  }
}

/// sysexits.h, and what monitoring plugins use.
enum ExitCode {
  static let ok: Int32 = 0
  /// `alarms`: some are raised.
  static let raised: Int32 = 1
  /// The daemon does not answer.
  static let noAnswer: Int32 = 3
  static let usage: Int32 = 64
  static let cannotRead: Int32 = 66
  /// A device or a chip does not give what was asked of it.
  static let unavailable: Int32 = 69
  static let failure: Int32 = 70
  static let cannotCreate: Int32 = 73
  static let cannotWrite: Int32 = 74
  static let tryLater: Int32 = 75
  static let noPermission: Int32 = 77
  static let configuration: Int32 = 78
}

func printOut(_ text: String) {
  print(text, terminator: "")
  // A pipe should see each reading at once, and a full disk or a closed pipe should not go unnoticed.
  if fflush(nil) != 0 { exit(ExitCode.failure) }
}

func printError(_ sentence: String) {
  _ = "gatewayctl: \(sentence)\n".withCString { write(STDERR_FILENO, $0, strlen($0)) }
}

/// A line that stands for itself, `file:line:column: sentence`.
func printError(line: String) {
  _ = "\(line)\n".withCString { write(STDERR_FILENO, $0, strlen($0)) }
}

func printJSON(_ bytes: [UInt8]) { printOut(String(decoding: bytes, as: UTF8.self) + "\n") }

func printJSONError(_ failure: VarlinkFailure) {
  var given = JSONValue.object([:])
  if case .error(_, let parameters) = failure { given = parameters }
  printJSONError(failure.description, given)
}

/// `{"error":…}`, with the parameters where the daemon gave some, so that standard output holds results only.
func printJSONError(_ sentence: String, _ parameters: JSONValue) {
  var members: [String: JSONValue] = ["error": .string(sentence)]
  if parameters != .object([:]) { members["parameters"] = parameters }
  var buffer = ByteBuffer()
  JSONWriter.append(.object(members), to: &buffer)
  printError(line: String(decoding: buffer.copyBytes(), as: UTF8.self))
}
