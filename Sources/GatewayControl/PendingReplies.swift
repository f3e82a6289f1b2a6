// Replies that come in their own time. The control thread looks at each at short intervals, so that nobody's
// question makes the other clients wait; who hangs up ends it.
package import GatewayCore

/// What one call is still to get. Belongs to the control thread.
package protocol PendingReplies: AnyObject {
  /// How often it wants to be looked at.
  var interval: Duration { get }
  /// How long the client may take to read a message; nil: as for any reply.
  var patience: Duration? { get }
  /// The next message with its NUL; nil when there is nothing to say yet.
  func next(at now: BootTime) -> [UInt8]?
  /// The last message was given.
  var isFinished: Bool { get }
  /// The client went away.
  func cancel()
}

extension PendingReplies {
  package var patience: Duration? { nil }
}

/// `Watch`: what a subscriber has not seen yet, without end.
final class WatchReplies: PendingReplies {
  let interval: Duration
  private let delegate: any ControlDelegate
  private var watched: WatchedPoints
  // The first message tells that the subscription runs, even when no point has a reading yet.
  private var isNew = true

  init(_ watched: WatchedPoints, of delegate: any ControlDelegate, interval: Duration) {
    self.watched = watched
    self.delegate = delegate
    self.interval = interval
  }

  var isFinished: Bool { false }

  func next(at now: BootTime) -> [UInt8]? {
    let news = watched.news(in: delegate.lastValues())
    guard !news.isEmpty || isNew else { return nil }
    isNew = false
    return ControlMessage.points(news, member: "readings", nameKey: "point", continues: true)
  }

  func cancel() {}
}

/// `Read`: one reply when the bus has answered.
final class ReadReplies: PendingReplies {
  let interval = Duration.milliseconds(20)
  private(set) var isFinished = false
  private let answers: any BusAnswers

  init(_ answers: any BusAnswers) { self.answers = answers }

  func next(at now: BootTime) -> [UInt8]? {
    guard let (inquiry, finding) = answers.take().first else { return nil }
    isFinished = true
    return ControlMessage.reply(ControlMessage.parameters(of: finding, unit: inquiry.unit))
  }

  func cancel() { answers.cancel() }
}
