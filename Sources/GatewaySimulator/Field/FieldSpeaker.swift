internal import GatewayCore

/// A plain serial device: says what it says at its times, and answers questions. A value; times come from outside.
struct FieldSpeaker {
  /// A question is at the end of what came; more than this before it does not matter.
  private static let memory = 256

  private let talks: [FieldTalk]
  private let replies: [FieldReply]
  private let seed: UInt64
  private let start: BootTime
  private var due: [BootTime]
  private var heard: [UInt8] = []

  init(_ server: FieldServer, seed: UInt64, start: BootTime) {
    talks = server.talks
    replies = server.replies
    self.seed = seed
    self.start = start
    due = talks.map { start.advanced(by: $0.every) }
  }

  var nextDue: BootTime? { due.min() }

  /// What is to be said by now, each with its time; what was missed is not made up for.
  mutating func said(by now: BootTime, _ body: ([UInt8], BootTime) -> Void) {
    for (place, talk) in talks.enumerated() where due[place] <= now {
      body(bytes(talk.message, at: due[place]), due[place])
      due[place] = due[place].advanced(by: talk.every)
      if due[place] <= now { due[place] = now.advanced(by: talk.every) }
    }
  }

  /// Takes one byte of the master; the answer, with the question, if it was a question's last.
  mutating func hear(_ byte: UInt8, at time: BootTime) -> (
    question: [UInt8], answer: [UInt8], delay: Duration
  )? {
    heard.append(byte)
    if heard.count > 2 * Self.memory { heard.removeFirst(heard.count - Self.memory) }
    guard let reply = replies.first(where: { heard.ends(with: $0.question) }) else { return nil }
    heard.removeAll(keepingCapacity: true)
    return (reply.question, bytes(reply.message, at: time), reply.delay)
  }

  private func bytes(_ message: FieldMessage, at time: BootTime) -> [UInt8] {
    message.bytes(at: start.duration(to: time).seconds, seed: seed)
  }
}

extension [UInt8] {
  fileprivate func ends(with some: [UInt8]) -> Bool {
    count >= some.count && self[(count - some.count)...].elementsEqual(some)
  }
}
