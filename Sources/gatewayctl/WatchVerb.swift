// `gatewayctl watch [POINT…]`: one line for each new reading until Ctrl-C, which is success.
internal import GatewayControl
internal import GatewayCore
internal import Glibc

extension Invocation {
  func runWatch() -> Int32 {
    // Nothing is left behind: what was printed is flushed, and the daemon sees the connection close.
    signal(SIGINT) { _ in _exit(ExitCode.ok) }
    do throws(VarlinkFailure) {
      var client = try VarlinkClient(path: socket)
      let names = arguments.map(JSONValue.string)
      try client.send(
        VarlinkCall(
          method: "\(ControlInterface.name).Watch", parameters: .object(["points": .array(names)]),
          takesMore: true))
      while true {
        let reply = try client.nextReply()
        for reading in reply.parameters["readings"]?.array ?? [] { show(reading) }
        if !reply.continues { return ExitCode.ok }
      }
    } catch {
      return CallFailure(error, wantsJSON: wantsJSON).exitCode
    }
  }

  private func show(_ reading: JSONValue) {
    guard let point = StatusSnapshot.Point(json: reading, nameKey: "point") else { return }
    guard wantsJSON else { return printOut(ReadingText.of(point, terminal)) }
    var buffer = ByteBuffer()
    point.appendJSON(nameKey: "point", to: &buffer)
    printJSON(buffer.copyBytes())
  }
}
