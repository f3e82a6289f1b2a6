/// How fast a backlog may go, so that it leaves the line to others: so many bits a second, counted at what a batch
/// costs on the wire, and no batch of more than some seconds of them, as live rows wait for the one in flight. And not
/// faster than its pace, which leaves the platform to others. Pure.
///
/// A batch may leave once those before it are paid for: in any stretch of time leaves what the rate allows there,
/// and one batch. What was not used is not saved up.
package struct BacklogBudget: Equatable, Sendable {
  /// What a batch is planned to take of the rate.
  private static let batchSeconds = 4.0
  /// What is assumed of a row before one was seen: JSON, not compressed.
  private static let firstGuess = 160.0
  /// Head and answer of one request, with a token as they are usual.
  private static let headBytes = 600

  private let bytesPerSecond: Double?
  private var pace: BacklogPace
  /// As the last batch had them, its head included.
  private var bytesPerRow = firstGuess
  /// When the next batch may leave; nil: at once.
  package private(set) var nextTime: BootTime?

  /// `bitsPerSecond` nil: no limit.
  package init(bitsPerSecond: Int?, linger: Duration = .zero) {
    bytesPerSecond = bitsPerSecond.map { Double($0) / 8 }
    pace = BacklogPace(linger: linger)
  }

  /// The platform is back, or the gateway was started. `random` lies in 0 ..< 1, here and below.
  package mutating func begin(at now: BootTime, random: Double) {
    pace.begin()
    wait(for: pace.gap * random, from: now)
  }

  /// The platform took a batch.
  package mutating func speedUp() { pace.speedUp() }

  /// The platform has too much to do.
  package mutating func slowDown() { pace.slowDown() }

  /// What a batch with bodies of `count` bytes costs on the wire: heads, answers, and the packets' own.
  package static func wireBytes(body count: Int, requests: Int = 1) -> Int {
    count + count / 25 + requests * headBytes
  }

  /// Rows in the next batch.
  package func rowLimit(atMost limit: Int) -> Int {
    guard let bytesPerSecond else { return limit }
    let rows = bytesPerSecond * Self.batchSeconds / bytesPerRow
    return rows < Double(limit) ? max(Int(rows), 1) : limit
  }

  /// Learns what rows cost. False: the batch is far longer than planned, and fewer rows are possible.
  package mutating func admits(rows: Int, bytes: Int) -> Bool {
    guard let bytesPerSecond, rows > 0 else { return true }
    bytesPerRow = max(Double(bytes) / Double(rows), 1)
    return rows == 1 || Double(bytes) <= 2 * Self.batchSeconds * bytesPerSecond
  }

  /// A batch of so many bytes leaves.
  package mutating func spend(bytes: Int, at now: BootTime, random: Double = 0.5) {
    nextTime = nil
    wait(
      for: max(bytesPerSecond.map { Double(bytes) / $0 } ?? 0, pace.gap * (0.5 + random)), from: now)
  }

  private mutating func wait(for seconds: Double, from now: BootTime) {
    guard seconds > 0 else { return }
    let time = now.advanced(by: .microseconds(Int64((seconds * 1e6).rounded(.up))))
    nextTime = max(nextTime ?? time, time)
  }
}
