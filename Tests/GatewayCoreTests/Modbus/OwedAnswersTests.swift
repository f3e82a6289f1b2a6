import Testing

@testable import GatewayCore

private func seconds(_ number: Double) -> BootTime { BootTime(microseconds: Int64(number * 1e6)) }

/// A slave on a serial line: answers in the order in which it was asked, in time, late or never.
private struct Slave {
  struct Answer {
    /// What a master can see of it.
    var function: UInt8
    var dataBytes: Int
    /// What it cannot: the question that is answered, and when it was asked.
    var question: Int
    var poll: Int
  }

  private var late: [Answer] = []

  /// The answers that come while `question` is being waited for, oldest first.
  mutating func ask(
    _ request: ModbusRequest, question: Int, poll: Int, using generator: inout SplitMix
  ) -> [Answer] {
    let own = Answer(
      function: request.function, dataBytes: request.dataBytes, question: question, poll: poll)
    // Nothing is later than this.
    late.removeAll { $0.poll + 4 < poll }
    switch Int.random(in: 0..<10, using: &generator) {
    case 0:
      late.append(own)
      return []
    case 1: return []
    default:
      // Whatever is late comes before; or it holds up this one as well.
      if !late.isEmpty, Bool.random(using: &generator) {
        late.append(own)
        return [late.removeFirst()]
      }
      defer { late = [] }
      return late + [own]
    }
  }
}

/// A line on which all that is answered comes in its order: at once, questions later, damaged or never.
private struct Line {
  struct Answer {
    /// What a master can see of it.
    var function: UInt8
    var dataBytes: Int
    var isDamaged: Bool
    var isRefusal: Bool
    /// What it cannot.
    var question: Int
    var poll: Int
  }

  private var queue: [Answer] = []

  /// The answers that come while this question is being waited for.
  mutating func ask(
    _ request: ModbusRequest, question: Int, poll: Int, using generator: inout SplitMix
  ) -> [Answer] {
    if Int.random(in: 0..<6, using: &generator) > 0 {
      queue.append(
        Answer(
          function: request.function, dataBytes: request.dataBytes,
          isDamaged: Int.random(in: 0..<12, using: &generator) == 0,
          isRefusal: Int.random(in: 0..<6, using: &generator) == 0, question: question, poll: poll))
    }
    // Half of the time all that is under way; else any part of it, the oldest first.
    let all = queue.count
    return pass(Bool.random(using: &generator) ? all : Int.random(in: 0...all, using: &generator))
  }

  /// What comes between two questions is heard by nobody.
  mutating func idle(poll: Int, using generator: inout SplitMix) {
    // Nothing is later than this.
    queue.removeAll { $0.poll + 4 < poll }
    if Int.random(in: 0..<3, using: &generator) == 0 {
      _ = pass(Int.random(in: 0...queue.count, using: &generator))
    }
  }

  private mutating func pass(_ count: Int) -> [Answer] {
    defer { queue.removeFirst(count) }
    return Array(queue.prefix(count))
  }
}

/// Asks as the master of a serial line does: a marker where answers are owed, and what came damaged up to twice more.
private struct Asker {
  enum Outcome: Equatable { case question(Int), refused(Int), damaged, missing }

  var line = Line()
  var owed = OwedAnswers()
  var asked = 0
  var poll = 0

  /// The question that was answered, as the master believes.
  mutating func read(_ request: ModbusRequest, using generator: inout SplitMix) -> Outcome {
    var outcome = Outcome.missing
    for _ in 0..<3 {
      outcome = readOnce(request, using: &generator)
      guard outcome == .damaged else { return outcome }
    }
    return outcome
  }

  private mutating func readOnce(
    _ request: ModbusRequest, using generator: inout SplitMix
  ) -> Outcome {
    if owed.clouds(request, at: seconds(Double(poll))) {
      let chance = Double.random(in: 0..<1, using: &generator)
      guard let marker = owed.marker(for: request, random: chance) else { return .missing }
      let outcome = ask(marker, using: &generator)
      guard outcome != .damaged, outcome != .missing else { return outcome }
      if case .refused = outcome, marker.table == request.table {
        owed.owe(marker, until: seconds(Double(poll) + 4.5))
        return .missing
      }
      owed.clear(unit: request.unit)
    }
    return ask(request, using: &generator)
  }

  private mutating func ask(_ request: ModbusRequest, using generator: inout SplitMix) -> Outcome {
    asked += 1
    line.idle(poll: poll, using: &generator)
    let answers = line.ask(request, question: asked, poll: poll, using: &generator)
    let right = answers.first {
      !$0.isDamaged && $0.function == request.function
        && ($0.isRefusal || $0.dataBytes == request.dataBytes)
    }
    if let right { return right.isRefusal ? .refused(right.question) : .question(right.question) }
    owed.owe(request, until: seconds(Double(poll) + 4.5))
    return answers.contains { $0.isDamaged } ? .damaged : .missing
  }
}

@Suite struct OwedAnswersTests {
  /// A and B have unit, function and length in common, of any length, in any order.
  @Test func howeverLateAnAnswerIsItsValueIsOfThisPollsQuestion() {
    let seed = UInt64.random(in: 0 ... .max)
    var values = 0
    for run in 0..<20_000 {
      var generator = SplitMix(seed: seed &+ UInt64(run))
      var asker = Asker()
      let count = UInt16.random(in: 1...6, using: &generator)
      for poll in 0..<20 {
        asker.poll = poll
        let address: UInt16 = Bool.random(using: &generator) ? 0 : 200
        let request = ModbusRequest(unit: 1, table: .holding, address: address, count: count)
        let outcome = asker.read(request, using: &generator)
        if case .refused(let answered) = outcome, answered != asker.asked {
          Issue.record("another's refusal: seed \(seed), run \(run), poll \(poll)")
        }
        guard case .question(let answered) = outcome else { continue }
        values += 1
        if answered != asker.asked { Issue.record("another's value: seed \(seed), run \(run), poll \(poll)") }
      }
    }
    #expect(values > 100_000, "seed \(seed): too few values for a proof")
  }

  @Test func aMarkersAnswerCanBeNoneOfTheOwed() {
    var owed = OwedAnswers()
    let request = ModbusRequest(unit: 1, table: .input, address: 10, count: 6)
    let isCloudedBefore = owed.clouds(request, at: seconds(0))
    #expect(!isCloudedBefore)
    owed.owe(request, until: seconds(5))
    var shorter = request
    shorter.count = 2
    owed.owe(shorter, until: seconds(5))
    let isClouded = owed.clouds(request, at: seconds(1))
    #expect(isClouded)
    for place in 0..<100 {
      let marker = owed.marker(for: request, random: Double(place) / 100)
      #expect(marker?.count == 4 && marker?.address == 10 && marker?.table == .input)
    }
    let other = ModbusRequest(unit: 2, table: .input, address: 10, count: 6)
    let isOtherClouded = owed.clouds(other, at: seconds(1))
    #expect(!isOtherClouded, "another unit owes nothing")
    let isCloudedLater = owed.clouds(request, at: seconds(5))
    #expect(!isCloudedLater, "what is too old will not come")
  }

  @Test func aSingleRegisterIsMarkedByTheSisterTable() {
    var owed = OwedAnswers()
    let request = ModbusRequest(unit: 1, table: .holding, address: 7, count: 1)
    owed.owe(request, until: seconds(5))
    let marker = owed.marker(for: request, random: 0)
    #expect(marker == ModbusRequest(unit: 1, table: .input, address: 7, count: 1))
    owed.owe(ModbusRequest(unit: 1, table: .input, address: 0, count: 9), until: seconds(5))
    #expect(owed.marker(for: request, random: 0) == nil)
    owed.clear(unit: 1)
    let isClouded = owed.clouds(request, at: seconds(1))
    #expect(!isClouded)
  }

  /// Two questions of the same function and length, which only their order tells apart.
  @Test func inEveryOrderOfEventsAValueAnswersItsOwnQuestion() {
    let seed = UInt64.random(in: 0 ... .max)
    for run in 0..<2000 {
      var generator = SplitMix(seed: seed &+ UInt64(run))
      var slave = Slave()
      var owed = OwedAnswers()
      var asked = 0
      /// The question that was answered, as the master believes; nil where none was.
      func ask(_ request: ModbusRequest, poll: Int) -> Int? {
        asked += 1
        let answers = slave.ask(request, question: asked, poll: poll, using: &generator)
        let right = answers.first { $0.function == request.function && $0.dataBytes == request.dataBytes }
        if right == nil { owed.owe(request, until: seconds(Double(poll) + 4.5)) }
        return right?.question
      }
      var values = 0
      for poll in 0..<60 {
        let request = ModbusRequest(
          unit: 1, table: .holding, address: UInt16(poll % 2 * 200), count: UInt16(4 + poll % 3 / 2))
        if owed.clouds(request, at: seconds(Double(poll))) {
          let chance = Double.random(in: 0..<1, using: &generator)
          guard let marker = owed.marker(for: request, random: chance) else { continue }
          guard ask(marker, poll: poll) != nil else { continue }
          owed.clear(unit: 1)
        }
        guard let answered = ask(request, poll: poll) else { continue }
        values += 1
        #expect(answered == asked, "seed \(seed), run \(run), poll \(poll)")
      }
      #expect(values > 5, "seed \(seed), run \(run)")
    }
  }
}
