internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem
internal import Synchronization

// The thread that looks for a disk that is away. It may be held up for as long as a system call takes: nobody waits
// for it but the end.

extension Stores {
  /// Between two attempts: to give it the rows that it refused, and to open it.
  private static let appendInterval = Duration.seconds(1)
  private static let openInterval = Duration.seconds(5)

  func searchWhenAway() {
    while true {
      let state = state.withLock { $0 }
      let interval = state.disk == nil ? Self.openInterval : Self.appendInterval
      search.wait(timeout: state.absence == nil ? nil : interval)
      // A last time at the end too.
      let isLast = isStopping.load(ordering: .acquiring)
      if self.state.withLock({ $0.absence != nil }) { tryDisk() }
      if isLast { return }
    }
  }

  private func tryDisk() {
    do throws(StoreError) {
      if state.withLock({ $0.disk == nil }) { try takeUpDisk() }
      let (disk, held) = state.withLock { ($0.disk, $0.absence?.held) }
      if let held { try disk?.store.append(held, usesCheckpoint: true) }
      state.withLock { $0.absence = nil }
      noteReturn()
      JournalLog.write(.notice, kind: "disk", "the disk is back and takes rows again")
    } catch {
      state.withLock { $0.absence?.cause = "\(error)" }
    }
  }

  /// Opens the store. What it says of earlier runs' counts, the pipeline takes up; their open windows are closed: those
  /// of this run have begun without them.
  private func takeUpDisk() throws(StoreError) {
    let store = try openDisk(state.withLock { $0.config })
    let (closing, publish) = takeUp(store)
    do {
      try changes.withLock { _ in
        let config = state.withLock { $0.config }
        let depot = Depot(store, secrets)
        let uplinks = try depot.makeUplinks(config)
        try depot.adopt(config, uplinks)
        state.withLock { state in
          state.disk = depot
          state.lostBefore += store.overallBooks.lost - min(store.lostBeforeStart, store.overallBooks.lost)
          state.absence?.held = closing
        }
      }
    } catch {
      throw .away("\(error)")
    }
    Self.tell(store.notes)
    publish()
  }

  /// The pipeline's.
  static func takeUp(for past: Past, boot: BootID) -> TakeUp {
    { store in
      var found = PipelineState(takenFrom: store)
      let closing = found.closeLeftovers(of: Catalogue(points: []), at: SystemClock.time, boot: boot)
      return (closing, { [found] in past.found(found) })
    }
  }
}
