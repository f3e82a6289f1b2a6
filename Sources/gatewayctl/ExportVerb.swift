// `gatewayctl export FILE [--destination NAME] [--mark-delivered] [--force]`: the undelivered rows of a
// cabinet whose modem is dead, as native batches, one JSON object a line, gzip. Nothing is marked as
// delivered before the file is on the medium and was read back from it. Exits 73 when the file cannot be
// begun, 74 when it cannot be finished.
internal import GatewayControl
internal import GatewayCore
internal import GatewaySystem

/// Why an export ends early.
enum ExportFailure: Error {
  case file(sentence: String, exitCode: Int32)
  case call(VarlinkFailure)
  /// The file is complete.
  case marking(VarlinkFailure)

  static func file(
    _ verb: String, _ path: String, _ cause: String, exitCode: Int32 = ExitCode.cannotWrite
  ) -> ExportFailure {
    .file(sentence: "cannot \(verb) \"\(path)\": \(cause)", exitCode: exitCode)
  }

  static func file(_ verb: String, _ path: String, _ error: Errno) -> ExportFailure {
    .file(verb, path, SystemError.text(error.code))
  }
}

extension Invocation {
  /// A message of the control socket holds 64 KiB; a run takes 90 bytes.
  private static let runsPerCall = 400
  /// A disk that stalls, or a store that is read through for its marks.
  private static let patience = Duration.seconds(600)

  func runExport() -> Int32 {
    do throws(ExportFailure) {
      let summary = try export()
      if wantsJSON {
        var buffer = ByteBuffer()
        JSONWriter.append(summary.json, to: &buffer)
        printJSON(buffer.copyBytes())
      } else {
        printOut(summary.text(terminal))
      }
      return ExitCode.ok
    } catch {
      return report(error)
    }
  }

  private func report(_ failure: ExportFailure) -> Int32 {
    switch failure {
    case .call(let failure): return CallFailure(failure, wantsJSON: wantsJSON).exitCode
    case .marking(let failure):
      let code = CallFailure(failure, wantsJSON: wantsJSON).exitCode
      if !wantsJSON {
        printError("\"\(arguments[0].plain)\" is complete, but its rows are not all marked as delivered")
      }
      return code
    case .file(let sentence, let exitCode):
      if wantsJSON { printJSONError(sentence, .object([:])) } else { printError(sentence.plain) }
      return exitCode
    }
  }

  private func export() throws(ExportFailure) -> ExportSummary {
    var summary = ExportSummary()
    var check = ExportCheck()
    try write(&check, &summary)
    if isSet("--mark-delivered") { try mark(check.runs, &summary) }
    return summary
  }

  /// Throws, and leaves no file, unless the whole file is on the medium.
  private func write(_ check: inout ExportCheck, _ summary: inout ExportSummary) throws(ExportFailure) {
    var file = try ExportFile(path: arguments[0], replaces: isSet("--force"))
    summary.lost = try receive(into: &file, &check)
    // Nothing is no file: a technician would carry it through the city.
    guard check.batches > 0 else { return }
    try file.finish(&check)
    try file.publish()
    summary.file = arguments[0]
    (summary.rows, summary.batches, summary.streams) = (check.rows, check.batches, check.streams)
    (summary.bytes, summary.from, summary.to) = (file.length, check.from, check.to)
  }

  /// The rows that the store could not give back.
  private func receive(
    into file: inout ExportFile, _ check: inout ExportCheck
  ) throws(ExportFailure) -> UInt64 {
    var client = try begin("Export", ["destination": destination])
    while true {
      let reply = try Self.reply(&client)
      guard reply.continues else { return reply.parameters["lost"]?.unsignedInteger ?? 0 }
      guard let line = check.expect(reply.parameters) else {
        throw .call(.noAnswer("cannot read from \"\(socket)\": the answer is no export"))
      }
      try file.append(line)
    }
  }

  private func mark(_ runs: [JSONValue], _ summary: inout ExportSummary) throws(ExportFailure) {
    var marked: UInt64 = 0
    for start in stride(from: 0, to: runs.count, by: Self.runsPerCall) {
      let part = Array(runs[start..<min(start + Self.runsPerCall, runs.count)])
      do throws(ExportFailure) {
        var client = try begin("MarkDelivered", ["destination": destination, "runs": .array(part)])
        let reply = try Self.reply(&client)
        marked += reply.parameters["marked"]?.unsignedInteger ?? 0
        summary.refused += reply.parameters["refused"]?.unsignedInteger ?? 0
      } catch {
        guard case .call(let failure) = error else { throw error }
        throw .marking(failure)
      }
    }
    summary.marked = marked
  }

  private var destination: JSONValue { value(of: "--destination").map(JSONValue.string) ?? .null }

  private func begin(
    _ method: String, _ parameters: [String: JSONValue]
  ) throws(ExportFailure) -> VarlinkClient {
    do throws(VarlinkFailure) {
      var client = try VarlinkClient(path: socket, timeout: Self.patience)
      try client.send(
        VarlinkCall(
          method: "\(ControlInterface.name).\(method)", parameters: .object(parameters), takesMore: true))
      return client
    } catch {
      throw .call(error)
    }
  }

  private static func reply(_ client: inout VarlinkClient) throws(ExportFailure) -> VarlinkReply {
    do throws(VarlinkFailure) { return try client.reply() } catch { throw .call(error) }
  }
}
