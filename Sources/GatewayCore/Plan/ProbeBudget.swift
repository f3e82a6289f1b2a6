/// How much of a bus's time devices may cost that do not answer: most of what the living leave, saved up as time
/// passes and spent by whatever was waited for in vain. Pure: the caller brings the time.
///
/// So a probe takes time that nobody else needs, or that the dead device's own polls would have needed; on a bus
/// without free time it takes a twentieth, for else nobody would ever come back.
package struct ProbeBudget: Equatable, BitwiseCopyable, Sendable {
  private static let shareOfFreeTime = 0.8
  private static let leastShare = 0.05

  /// Negative after more was spent than there was: a device that was trusted may have died.
  package private(set) var saved = Duration.zero
  private var last: BootTime

  package init(at now: BootTime) { last = now }

  /// `demand` is the part of the bus's time that the living devices' polls take (may exceed 1); beyond `limit`
  /// nothing is saved.
  package mutating func save(demand: Double, limit: Duration, at now: BootTime) {
    let share = max(Self.leastShare, (1 - demand) * Self.shareOfFreeTime)
    let passed = max(last.duration(to: now), .zero)
    last = max(last, now)
    saved = min(saved + passed * share, limit)
  }

  /// Takes what was spent. The debt is bounded by `floor`, so that it is paid within reasonable time.
  package mutating func spend(_ cost: Duration, floor: Duration) { saved = max(saved - cost, .zero - floor) }
}
