/// How fast the store is written to and fills, over the last day and the last hour. Pure; samples are given
/// to it about once a second and few are kept.
package struct WriteRate: Sendable {
  package struct Sample: Equatable, Sendable {
    package var time: BootTime
    /// Bytes written since the start, without what was written once to prepare slots.
    package var written: UInt64
    /// The part of it that rows took.
    package var rows: UInt64
    /// Bytes that undelivered rows occupy.
    package var used: Int

    package init(time: BootTime, written: UInt64, rows: UInt64, used: Int) {
      self.time = time
      self.written = written
      self.rows = rows
      self.used = used
    }
  }

  private static let spacing = Duration.seconds(600)
  private static let window = Duration.seconds(86_400)
  /// What uplink and field do at present; a day would hide that the uplink went an hour ago.
  private static let present = Duration.seconds(3600)
  /// Before, one commit more or less would be taken for a trend.
  private static let leastForWrites = Duration.seconds(60)
  private static let leastForGrowth = Duration.seconds(600)

  /// The oldest first, `spacing` apart, and the latest.
  private var samples: [Sample] = []
  private var latest: Sample?

  package init() {}

  package mutating func add(_ sample: Sample) {
    latest = sample
    guard samples.last.map({ $0.time.duration(to: sample.time) >= Self.spacing }) ?? true else { return }
    samples.append(sample)
    // One that is older stays, so that the whole window is covered.
    while samples.count > 1, samples[1].time.duration(to: sample.time) >= Self.window {
      samples.removeFirst()
    }
  }

  /// For how long it was measured.
  package var measured: Duration {
    guard let first = samples.first, let latest else { return .zero }
    return first.time.duration(to: latest.time)
  }

  /// All bytes that go to the medium; nil while that is not known.
  package var writtenPerDay: Double? {
    perDay(within: Self.window, least: Self.leastForWrites) { Double($1.written) - Double($0.written) }
  }

  /// Bytes of rows.
  package var rowsPerDay: Double? {
    perDay(within: Self.present, least: Self.leastForWrites) { Double($1.rows) - Double($0.rows) }
  }

  /// By how much more bytes are occupied after a day like the last hour; below zero while a backlog drains.
  package var growthPerDay: Double? {
    perDay(within: Self.present, least: Self.leastForGrowth) { Double($1.used) - Double($0.used) }
  }

  private func perDay(
    within window: Duration, least: Duration, _ difference: (Sample, Sample) -> Double
  ) -> Double? {
    guard let latest else { return nil }
    let first = samples.last { $0.time.duration(to: latest.time) >= window } ?? samples.first
    guard let first, case let time = first.time.duration(to: latest.time), time >= least else { return nil }
    return difference(first, latest) / time.seconds * 86_400
  }
}
