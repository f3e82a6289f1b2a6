internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem
internal import Synchronization

/// What the store costs its medium, and what that says of its life. Any thread may ask; the main thread
/// looks, about once a second.
final class FlashWatch: Sendable {
  private static let sampleInterval = Duration.seconds(10)
  private static let lifeInterval = Duration.seconds(3600)

  private struct State {
    var rate = WriteRate()
    var life: FlashLife?
    var nextSample: BootTime
    var nextLife: BootTime
  }

  private let directory: String
  private let sysfs: String
  private let state: Mutex<State>

  /// `directory` lies on the medium.
  init(directory: String, sysfs: String) {
    self.directory = directory
    self.sysfs = sysfs
    let now = SystemClock.boot
    state = Mutex(State(nextSample: now, nextLife: now))
    lookAtLife(now)
  }

  /// nil while there is no store on the medium.
  func look(at store: DurableStore?) {
    let now = SystemClock.boot
    let (needsSample, needsLife) = state.withLock { (now >= $0.nextSample, now >= $0.nextLife) }
    if needsLife { lookAtLife(now) }
    if needsSample, let store { sample(store.usage, now) }
  }

  private func lookAtLife(_ now: BootTime) {
    let found = FlashMedium.life(under: directory, sysfs: sysfs)
    let before = state.withLock { state in
      defer { state.life = found }
      state.nextLife = now.advanced(by: Self.lifeInterval)
      return state.life
    }
    guard let found, found.state != before?.state ?? .ok, let sentence = found.sentence else { return }
    JournalLog.line(found.state == .critical ? .error : .warning, sentence)
  }

  private func sample(_ usage: DurableStore.Usage, _ now: BootTime) {
    let sample = WriteRate.Sample(
      time: now, written: usage.bytesWritten - min(usage.bytesPrepared, usage.bytesWritten),
      rows: usage.bytesOfRows, used: usage.used)
    state.withLock { state in
      state.rate.add(sample)
      state.nextSample = now.advanced(by: Self.sampleInterval)
    }
  }

  var rate: WriteRate { state.withLock { $0.rate } }
  var life: FlashLife? { state.withLock { $0.life } }

  /// Rows are to be stored no more often than this.
  var leastCommitInterval: Duration { life?.state ?? .ok == .ok ? .zero : FlashLife.stretchedCommit }

  func report(of stores: Stores, _ config: StoreConfig, fault: String?) -> StoreReport {
    let now = SystemClock.moment
    let shown = stores.shown
    let usage = shown?.store.usage
    // What memory takes wears nothing.
    let isOnMedium = shown?.isDisk == true
    if isOnMedium, let usage { sample(usage, now.boot) }
    let inspection = shown?.store.inspection
    return StoreReport(
      capacity: usage?.capacity ?? config.capacity, used: usage?.used ?? 0, oldest: usage?.oldest,
      now: now.time,
      commits: usage?.commits ?? 0, bytesWritten: isOnMedium ? usage?.bytesWritten ?? 0 : 0, fault: fault,
      segments: inspection?.segments
        ?? StoreReport.Segments(slotBytes: 0, total: 0, used: 0, free: 0, failed: 0),
      destinations: inspection?.destinations ?? [], rate: StoreReport.Rate(rate), budget: config.flash,
      life: life,
      commitInterval: max(config.commit, leastCommitInterval).seconds)
  }
}
