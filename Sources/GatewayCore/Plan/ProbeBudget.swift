/// How much of a bus's time devices may cost that do not answer: most of what the living leave, saved up as time
/// passes and spent by probes. Pure: the caller brings the time.
///
/// So a probe takes time that nobody else needs, or that the dead device's own polls would have needed; on a bus
/// without free time it takes a twentieth, for else nobody would ever come back.
package struct ProbeBudget: Equatable, BitwiseCopyable, Sendable {
  private static let shareOfFreeTime = 0.8
  private static let leastShare = 0.05

  private var saved = Duration.zero
  private var last: BootTime

  package init(at now: BootTime) { last = now }

  /// Whether a probe of that cost may go now, and if so takes it out of the budget. `demand` is the part of the
  /// bus's time that the living devices' polls take (may exceed 1); `longest` what the costliest probe takes,
  /// beyond which nothing is saved.
  package mutating func take(_ cost: Duration, demand: Double, longest: Duration, at now: BootTime) -> Bool {
    let share = max(Self.leastShare, (1 - demand) * Self.shareOfFreeTime)
    let passed = max(last.duration(to: now), .zero)
    last = max(last, now)
    saved = min(saved + passed * share, longest)
    guard saved >= cost else { return false }
    saved -= cost
    return true
  }
}
