import GatewayControl
import GatewayCore
import GatewaySystem
import Synchronization
import Testing

/// Calls that wait for a bus, through a real socket.
@Suite struct PendingRepliesTests {
  private static let status = "{\"method\":\"org.citygateway.Status\",\"parameters\":{}}\0"

  private static let read =
    #"{"method":"org.citygateway.Read","parameters":{"bus":"lan","unit":7,"table":"input","address":40,"#
    + "\"count\":2}}\0"

  private static let words = #"{"parameters":{"unit":7,"words":[16840,0]}}"#

  @Test func aReadThatWaitsForTheBusDelaysNoOtherClient() throws {
    try withServer { path, cabinet in
      let reader = try RawClient(path)
      reader.send(Self.read + Self.status)
      #expect(eventually { cabinet.questions.count == 1 })
      let other = try RawClient(path)
      for _ in 0..<50 {
        other.send(Self.status)
        #expect(other.message() != nil)
      }
      #expect(cabinet.questions[0].inquiries == [.read(unit: 7, table: .input, address: 40, count: 2)])
      cabinet.questions[0].answer(.words([16840, 0]))
      #expect(reader.message() == Self.words)
      // The call behind it had its turn only then.
      #expect(reader.message()?.hasPrefix("{\"parameters\":{\"gateway\"") == true)
      #expect(!cabinet.questions[0].isCancelled)
    }
  }

  @Test func aReadersHangUpIsSeenWhileItWaits() throws {
    try withServer { path, cabinet in
      do {
        let reader = try RawClient(path)
        reader.send(Self.read)
        #expect(eventually { cabinet.questions.count == 1 })
        #expect(!cabinet.questions[0].isCancelled)
      }
      #expect(eventually { cabinet.questions[0].isCancelled })
    }
  }

  @Test func aReaderThatEndsItsSideIsStillAnswered() throws {
    try withServer { path, cabinet in
      let reader = try RawClient(path)
      reader.send(Self.read)
      reader.socket.finishSending()
      #expect(eventually { cabinet.questions.count == 1 })
      cabinet.questions[0].answer(.words([16840, 0]))
      #expect(reader.message() == Self.words)
      #expect(reader.isClosedByServer())
    }
  }

  @Test func aServerThatStopsCancelsWhatWaits() throws {
    let cabinet = Cabinet()
    let reader: RawClient?
    let scratch = Scratch()
    let server = try VarlinkServer(path: scratch.socket, delegate: cabinet)
    reader = try RawClient(scratch.socket)
    reader?.send(Self.read)
    #expect(eventually { cabinet.questions.count == 1 })
    server.stop()
    #expect(cabinet.questions[0].isCancelled)
    #expect(reader?.message() == nil)
  }

  @Test func aScanTellsOfEachUnitAsItIsFound() throws {
    try withServer { path, cabinet in
      cabinet.state.withLock { $0.devices = [2: "mains"] }
      let client = try RawClient(path)
      client.send(
        #"{"method":"org.citygateway.Scan","more":true,"parameters":{"bus":"lan","from":1,"to":3}}"# + "\0")
      #expect(eventually { cabinet.questions.count == 1 })
      cabinet.questions[0].answer(.failed(.timeout, cause: "no answer"))
      cabinet.questions[0].answer(.identity(["Eastron", "SDM630"]))
      var messages: [String] = []
      while let message = client.message() {
        messages.append(message)
        if message.contains("found") { break }
      }
      #expect(
        messages.last
          == #"{"continues":true,"parameters":{"answering":1,"asked":2,"found":{"device":"mains","#
          + #""garbled":false,"identity":["Eastron","SDM630"],"tables":[],"unit":2},"total":3}}"#)
      cabinet.questions[0].answer(.failed(.timeout, cause: "no answer"))
      while let message = client.message() {
        messages.append(message)
        if !message.contains("continues") { break }
      }
      #expect(messages.last == #"{"parameters":{"answering":1,"asked":3,"total":3}}"#)
      // The connection goes on.
      client.send(Self.status)
      #expect(client.message() != nil)
    }
  }
}

extension Cabinet {
  fileprivate var questions: [Question] { state.withLock { $0.questions } }
}
