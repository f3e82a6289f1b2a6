import GatewayControl
import GatewayCore
import Synchronization
import Testing

/// A scan in time that the test makes.
@Suite struct ScanRepliesTests {
  private let cabinet = Cabinet()

  private func scan(_ answering: @escaping @Sendable (BusInquiry) -> BusFinding?) throws -> any PendingReplies
  {
    cabinet.state.withLock { $0.answering = answering }
    let call = VarlinkCall(
      method: "org.citygateway.Scan", parameters: try JSONValue(parsing: #"{"bus":"lan","from":1,"to":9}"#),
      takesMore: true)
    guard case .replies(let replies) = ControlService(delegate: cabinet).answer(call, mayChange: true) else {
      throw VarlinkFailure.noAnswer("a scan is answered at once")
    }
    return replies
  }

  private func parameters(_ message: [UInt8]) throws -> JSONValue {
    try JSONValue(parsing: Array(message.dropLast()))["parameters"] ?? .null
  }

  /// All that comes of it without a second going by.
  private func messages(_ replies: any PendingReplies) throws -> [JSONValue] {
    var messages: [JSONValue] = []
    for _ in 0..<100 where !replies.isFinished {
      if let message = replies.next(at: BootTime(microseconds: 0)) {
        messages.append(try parameters(message))
      }
    }
    return messages
  }

  @Test func eachKindOfAnswerIsToldFromSilence() throws {
    let replies = try scan { inquiry in
      switch inquiry {
      case .probe(1): .identity(["Eastron", "SDM630"])
      case .probe(2): .exception(1)
      case .probe(3): .exception(11)
      case .probe(4): .failed(.badAnswer, cause: "wrong checksum")
      case .probe(5): .identity([])
      case .probe(6): .failed(.disconnected, cause: "the port is gone")
      case .probe: .failed(.timeout, cause: "no answer")
      case .read(2, _, _, _): .exception(4)
      case .read(_, .input, _, _): .words([7])
      case .read(_, .holding, _, _): .exception(2)
      case .read: .exception(1)
      }
    }
    let all = try messages(replies)
    let found = all.compactMap { $0["found"].flatMap(FoundUnit.init(json:)) }.sorted { $0.unit < $1.unit }
    #expect(found.map(\.unit) == [1, 2, 4, 5])
    #expect(found.map(\.identity) == [["Eastron", "SDM630"], [], [], []])
    #expect(found.map(\.tables) == [[], [], [], ["input", "holding"]])
    #expect(found.map(\.exception) == [nil, 1, nil, nil])
    #expect(found.map(\.isGarbled) == [false, false, true, false])
    #expect(all.last?["found"] == nil)
    #expect(all.last?["answering"] == .signed(4))
    #expect(all.last?["asked"] == .signed(9))
    #expect(all.last?["trouble"] == .string("the port is gone"))
  }

  @Test func aBusThatCannotBeAskedEndsTheScanAtOnce() throws {
    let replies = try scan { _ in
      .failed(.disconnected, cause: "cannot open \"/dev/ttyS9\": No such file or directory")
    }
    let message = String(
      decoding: try #require(replies.next(at: BootTime(microseconds: 0))), as: UTF8.self)
    #expect(message.contains("org.citygateway.BusFailed") && message.contains("ttyS9"))
    #expect(replies.isFinished)
  }

  @Test func progressIsToldEachSecondAndNoOftener() throws {
    let replies = try scan { _ in nil }
    var told: [Int64] = []
    for step in 0..<300 {
      let now = BootTime(microseconds: Int64(step) * 10_000)
      guard let message = replies.next(at: now) else { continue }
      told.append(now.microseconds)
      let parameters = try parameters(message)
      #expect(parameters["asked"] == .signed(0))
      #expect(parameters["total"] == .signed(9))
    }
    #expect(told == [0, 1_000_000, 2_000_000])
  }

  @Test func whatABusCannotTakeNowIsAskedLater() throws {
    cabinet.state.withLock { $0.mostQuestions = 1 }
    let replies = try scan { inquiry in
      switch inquiry {
      case .probe(5): .identity([])
      case .probe: .failed(.timeout, cause: "no answer")
      case .read: .words([1])
      }
    }
    let early = try messages(replies)
    #expect(early.compactMap { $0["found"] }.isEmpty)
    #expect(!replies.isFinished)
    cabinet.state.withLock { $0.mostQuestions = 2 }
    let late = try messages(replies)
    #expect(late.compactMap { $0["found"] }.count == 1)
    #expect(replies.isFinished)
  }

  @Test func whoGoesEndsEverythingThatWasAsked() throws {
    let replies = try scan { inquiry in if case .probe = inquiry { .identity([]) } else { nil } }
    _ = try messages(replies)
    replies.cancel()
    let questions = cabinet.state.withLock { $0.questions }
    #expect(questions.map(\.isCancelled) == [true, true])
  }
}
