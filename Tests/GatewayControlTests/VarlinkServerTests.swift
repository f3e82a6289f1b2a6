import GatewayControl
import GatewayCore
import GatewaySystem
import Glibc
import Synchronization
import Testing

/// Real sockets, a real thread.
@Suite struct VarlinkServerTests {
  private static let status = "{\"method\":\"org.citygateway.Status\",\"parameters\":{}}\0"

  private static var impatient: VarlinkServer.Limits {
    var limits = VarlinkServer.Limits()
    limits.patience = .milliseconds(100)
    limits.watchInterval = .milliseconds(10)
    return limits
  }

  @Test func aClientIsAnsweredAndMayAskAgain() throws {
    try withServer { path, cabinet in
      var client = try VarlinkClient(path: path)
      for _ in 0..<3 {
        let reply = try client.call(VarlinkCall(method: "org.citygateway.Status"))
        #expect(reply.parametersText == StatusSnapshot.calm.json)
      }
      #expect(
        throws: VarlinkFailure.error(
          name: "org.varlink.service.MethodNotFound",
          parameters: .object(["method": .string("org.citygateway.X")]))
      ) {
        _ = try VarlinkClient.once(path, "org.citygateway.X")
      }
      _ = try client.call(VarlinkCall(method: "org.citygateway.Reload"))
      #expect(cabinet.state.withLock { $0.reloads } == 1)
    }
  }

  @Test func callsInOneWriteAreAnsweredInOrder() throws {
    try withServer { path, cabinet in
      let client = try RawClient(path)
      let flush = "{\"method\":\"org.citygateway.Flush\",\"oneway\":true}\0"
      client.send(String(repeating: Self.status, count: 20) + flush + "{\"method\":\"a.B\"}\0")
      for _ in 0..<20 { #expect(client.message()?.hasPrefix("{\"parameters\":{\"gateway\"") == true) }
      #expect(
        client.message()
          == #"{"error":"org.varlink.service.InterfaceNotFound","parameters":{"interface":"a"}}"#)
      #expect(cabinet.state.withLock { $0.flushes } == 1)
    }
  }

  @Test func aClientThatEndsItsSideIsStillAnswered() throws {
    try withServer { path, _ in
      let client = try RawClient(path)
      client.send(Self.status)
      client.socket.finishSending()
      #expect(client.message() != nil)
      #expect(client.isClosedByServer())
    }
  }

  @Test func onewayCallsOfAClientThatLeavesAreDone() throws {
    try withServer { path, cabinet in
      do {
        let client = try RawClient(path)
        client.send(String(repeating: "{\"method\":\"org.citygateway.Flush\",\"oneway\":true}\0", count: 5))
      }
      #expect(eventually { cabinet.state.withLock { $0.flushes } == 5 })
    }
  }

  @Test func theNinthClientIsToldWhyItIsNotServed() throws {
    try withServer { path, _ in
      var clients: [RawClient] = []
      for _ in 0..<8 {
        let held = try RawClient(path)
        held.send(Self.status)
        #expect(held.message() != nil)
        clients.append(held)
      }
      do {
        let ninth = try RawClient(path)
        #expect(ninth.message() == #"{"error":"org.citygateway.TooManyClients","parameters":{"limit":8}}"#)
        #expect(ninth.isClosedByServer())
      }
      #expect(
        throws: VarlinkFailure.error(
          name: "org.citygateway.TooManyClients", parameters: .object(["limit": .signed(8)]))
      ) {
        _ = try VarlinkClient.once(path, "org.citygateway.Status")
      }
      clients.removeLast()
      // The place is free as soon as the server has seen the hang-up; the next turn of its loop at the latest.
      #expect(eventually { (try? VarlinkClient.once(path, "org.citygateway.Status")) != nil })
    }
  }

  @Test func anOversizeMessageEndsTheConnectionAndNothingElse() throws {
    try withServer { path, _ in
      let bystander = try RawClient(path)
      let client = try RawClient(path)
      let chunk = [UInt8](repeating: UInt8(ascii: "x"), count: 4096)
      for _ in 0..<20 { client.send(chunk) }
      #expect(client.isClosedByServer())
      bystander.send(Self.status)
      #expect(bystander.message() != nil)
    }
  }

  @Test(arguments: ["no JSON\0", "\0", "[1]\0", "{\"method\":7}\0", "\u{1}\u{2}\0"])
  func whatIsNoCallEndsTheConnection(_ text: String) throws {
    try withServer { path, _ in
      let client = try RawClient(path)
      client.send(text)
      #expect(client.isClosedByServer())
      #expect(throws: Never.self) { _ = try VarlinkClient.once(path, "org.citygateway.Status") }
    }
  }

  @Test func halfAMessageIsWaitedForOnlySoLong() throws {
    try withServer(limits: Self.impatient) { path, _ in
      let client = try RawClient(path)
      client.send("{\"method\":\"org.cityg")
      #expect(client.isClosedByServer())
    }
  }

  @Test func aDribblingClientGetsNoLonger() throws {
    try withServer(limits: Self.impatient) { path, _ in
      let client = try RawClient(path)
      // Each byte is in time for itself, the message is not; the last sends meet a closed socket.
      for byte in Array(Self.status.utf8.dropLast()) {
        client.send([byte])
        usleep(10_000)
      }
      #expect(client.isClosedByServer())
    }
  }

  @Test func anIdleClientIsKept() throws {
    try withServer(limits: Self.impatient) { path, _ in
      let client = try RawClient(path)
      client.send(Self.status)
      #expect(client.message() != nil)
      usleep(300_000)
      client.send(Self.status)
      #expect(client.message() != nil)
    }
  }

  @Test func aClientThatDoesNotReadIsGivenUp() throws {
    let cabinet = Cabinet()
    // More than a socket's buffers hold.
    cabinet.state.withLock { $0.snapshot.reasons = [String(repeating: "x", count: 4 << 20)] }
    try withServer(cabinet, limits: Self.impatient) { path, _ in
      let client = try RawClient(path)
      client.send(Self.status)
      // The server gave up when another client of eight such ones is served again.
      var others: [RawClient] = []
      for _ in 0..<7 {
        others.append(try RawClient(path))
        others.last?.send(Self.status)
      }
      #expect(
        eventually { (try? VarlinkClient.once(path, "org.citygateway.Flush")) != nil })
      #expect(client.message() == nil)
    }
  }

  @Test func watchStreamsFirstAllThenWhatIsNew() throws {
    try withServer(limits: Self.impatient) { path, cabinet in
      var client = try VarlinkClient(path: path)
      try client.send(
        VarlinkCall(
          method: "org.citygateway.Watch", parameters: .object(["points": .array([.string("canopy")])]),
          takesMore: true))
      let first = try client.reply()
      #expect(first.continues)
      #expect(
        first.parameters
          == (try JSONValue(
            parsing: """
              {"readings":[{"point":"canopy.temperature","value":17.3,"unit":"CEL",
               "time":"2026-11-22T21:00:57.000Z","quality":"good"}]}
              """)))
      for second in 1...3 {
        cabinet.state.withLock {
          $0.snapshot.points[0].time = Timestamp.nine.advanced(by: .seconds(second))
          $0.snapshot.points[0].value = .signed(Int64(second))
        }
        let next = try client.reply()
        #expect(next.continues)
        #expect(next.parameters["readings"]?.array?.count == 1)
        #expect(next.parameters["readings"]?.array?[0]["value"] == .signed(Int64(second)))
      }
    }
  }

  @Test func watchOfAPointWithoutReadingsStartsEmpty() throws {
    let cabinet = Cabinet()
    cabinet.state.withLock { $0.snapshot.points[0].time = nil }
    try withServer(cabinet, limits: Self.impatient) { path, _ in
      let client = try RawClient(path)
      client.send("{\"method\":\"org.citygateway.Watch\",\"more\":true}\0")
      #expect(client.message() == #"{"continues":true,"parameters":{"readings":[]}}"#)
    }
  }

  @Test func theSocketsFileIsForOwnerAndGroupAndGoesWithTheServer() throws {
    let scratch = Scratch()
    let before = umask(0)
    defer { umask(before) }
    let server = try VarlinkServer(path: scratch.socket, delegate: Cabinet())
    var status = stat()
    #expect(lstat(scratch.socket, &status) == 0)
    #expect(status.st_mode == S_IFSOCK | 0o660)
    server.stop()
    #expect(access(scratch.socket, F_OK) != 0)
    server.stop()
  }

  @Test func aKilledDaemonsSocketIsReplacedAndALivingOnesIsNot() throws {
    let scratch = Scratch()
    let other = "\(scratch.path)/other"
    do {
      // A listener whose file was renamed cannot remove it: what SIGKILL leaves.
      _ = try UnixListener(path: other)
      let listener = try UnixListener(path: other)
      rename(other, scratch.socket)
      withExtendedLifetime(listener) {}
    }
    let server = try VarlinkServer(path: scratch.socket, delegate: Cabinet())
    defer { server.stop() }
    #expect(throws: SystemError("cannot listen on \"\(scratch.socket)\"", code: EADDRINUSE)) {
      _ = try VarlinkServer(path: scratch.socket, delegate: Cabinet())
    }
    #expect(throws: Never.self) { _ = try VarlinkClient.once(scratch.socket, "org.citygateway.Status") }
  }

  @Test func whatIsNoSocketIsNeverRemoved() throws {
    let scratch = Scratch()
    let file = "\(scratch.path)/precious"
    close(creat(file, 0o600))
    symlink(file, scratch.socket)
    for path in [file, scratch.socket] {
      #expect(throws: SystemError("cannot listen on \"\(path)\"", code: ENOTSOCK)) {
        _ = try VarlinkServer(path: path, delegate: Cabinet())
      }
    }
    #expect(access(file, F_OK) == 0)
    #expect(throws: SystemError("cannot listen on \"\(scratch.path)/a/b\"", code: ENOENT)) {
      _ = try VarlinkServer(path: "\(scratch.path)/a/b", delegate: Cabinet())
    }
    let long = "/tmp/" + String(repeating: "x", count: 200)
    #expect(throws: SystemError("cannot listen on \"\(long)\"", code: ENAMETOOLONG)) {
      _ = try VarlinkServer(path: long, delegate: Cabinet())
    }
  }

  @Test func aClientIsToldThatNobodyAnswers() throws {
    let scratch = Scratch()
    #expect(
      throws: VarlinkFailure.noAnswer("cannot connect to \"\(scratch.socket)\": No such file or directory")
    ) {
      _ = try VarlinkClient.once(scratch.socket, "org.citygateway.Status")
    }
    let silent = try UnixListener(path: scratch.socket)
    #expect(
      throws: VarlinkFailure.noAnswer("cannot read from \"\(scratch.socket)\": no answer within 0.05 s")
    ) {
      var client = try VarlinkClient(path: scratch.socket, timeout: .milliseconds(50))
      _ = try client.call(VarlinkCall(method: "org.citygateway.Status"))
    }
    withExtendedLifetime(silent) {}
  }

  @Test func theKernelSaysWhoConnected() throws {
    let scratch = Scratch()
    let listener = try UnixListener(path: scratch.socket)
    let client = try FileDescriptor.connect(unixSocket: scratch.socket)
    if let accepted = try listener.accept() {
      let peer = PeerCredentials(of: accepted)
      #expect(peer?.user == geteuid())
      #expect(peer?.isMember(of: getegid()) == true)
      #expect(peer?.isMember(of: 0xFFFF_FFF0) == false)
    } else {
      Issue.record("nobody connected")
    }
    client.finishSending()
  }
}

extension VarlinkClient {
  fileprivate static func once(_ path: String, _ method: String) throws(VarlinkFailure) -> VarlinkReply {
    var client = try VarlinkClient(path: path)
    return try client.call(VarlinkCall(method: method))
  }
}
