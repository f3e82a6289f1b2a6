package import GatewayCore

/// A bus as its thread sees it: requests with periods, and a way to carry one out. All members but
/// `interruption` belong to the thread that runs the source; `SourceRunner` is that thread.
package protocol Source: AnyObject {
  /// One for each request; a request is named by its place here.
  var periods: [Duration] { get }

  /// Most readings that one poll makes.
  var largestPoll: Int { get }

  /// How other threads cut a blocking `poll` short.
  var interruption: Interruption { get }

  /// Carries out a request and writes one reading for each of its points to the start of `room`, which has
  /// room for `largestPoll`; a request that fails writes failed readings, one that was interrupted none.
  /// Blocks for at most the bus's timeout, once for the connection and once for the answer. `now` may be as
  /// old as the poll before took.
  func poll(_ request: Int, at now: BootTime, into room: UnsafeMutableBufferPointer<Reading>) -> Poll
}

/// What a poll made.
package struct Poll: BitwiseCopyable, Sendable {
  /// Readings written.
  package var count: Int
  /// When the answer was there, or the failure certain; the time of each of the readings.
  package var moment: Moment

  package init(count: Int, moment: Moment) {
    self.count = count
    self.moment = moment
  }
}
