// One call to the daemon, and what to say and exit with when it has no result.
internal import GatewayControl
internal import GatewayCore

extension Invocation {
  /// Calls `method` of the daemon. Throws after having said why there is no result, with the exit code for it.
  func call(
    _ method: String, _ parameters: [String: JSONValue] = [:], timeout: Duration = .seconds(5)
  ) throws(CallFailure) -> VarlinkReply {
    do throws(VarlinkFailure) {
      var client = try VarlinkClient(path: socket, timeout: timeout)
      return try client.call(
        VarlinkCall(method: "\(ControlInterface.name).\(method)", parameters: .object(parameters)))
    } catch {
      throw CallFailure(error, wantsJSON: wantsJSON)
    }
  }

  /// For an answer that makes no sense to this program.
  func unreadable(_ what: String) -> CallFailure {
    CallFailure(.noAnswer("cannot read from \"\(socket)\": the answer is no \(what)"), wantsJSON: wantsJSON)
  }
}

/// A call that failed: said on standard error, and what to exit with.
struct CallFailure: Error {
  let exitCode: Int32

  /// It has been said already.
  init(exitCode: Int32) { self.exitCode = exitCode }

  init(_ failure: VarlinkFailure, wantsJSON: Bool) {
    exitCode =
      switch failure {
      case .noAnswer, .error("org.citygateway.TooManyClients", _): ExitCode.noAnswer
      case .error("org.varlink.service.PermissionDenied", _): ExitCode.noPermission
      case .error("org.varlink.service.InvalidParameter", _), .error("org.citygateway.UnknownBus", _),
        .error("org.citygateway.UnknownPoint", _), .error("org.citygateway.UnknownChip", _),
        .error("org.citygateway.UnknownDestination", _):
        ExitCode.usage
      case .error("org.citygateway.BusOccupied", _), .error("org.citygateway.ExportOccupied", _):
        ExitCode.tryLater
      case .error("org.citygateway.ChipFailed", _), .error("org.citygateway.BusFailed", _),
        .error("org.citygateway.ProvisionFailed", _), .error("org.citygateway.MarkFailed", _):
        ExitCode.unavailable
      case .error("org.citygateway.ConfigInvalid", _): ExitCode.configuration
      case .error: ExitCode.failure
      }
    Self.report(failure, wantsJSON)
  }

  private static func report(_ failure: VarlinkFailure, _ wantsJSON: Bool) {
    if wantsJSON { return printJSONError(failure) }
    if case .error("org.citygateway.ConfigInvalid", let parameters) = failure {
      for problem in parameters["problems"]?.array ?? [] { printError(line: problem.string?.plain ?? "") }
      return printError("cannot reload the configuration: the running one stays")
    }
    printError(failure.description.plain)
  }
}
