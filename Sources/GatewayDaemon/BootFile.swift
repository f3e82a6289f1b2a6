internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// The table of boots on the medium: a file of its own beside the store, written as a whole. What is damaged there is set
/// aside and never believed. Without it rows of earlier boots that did not know the time stay without one.
final class BootFile: Sendable {
  private struct State {
    var wasRead = false
    var written = BootClock()
    var triedAt: BootTime?
    var wasRefused = false
  }

  static let name = "boots"
  private static let mostBytes = 64 << 10
  /// How far the file may lag: what an offset may be off, microseconds, and how long the machine has run.
  private static let tolerance: Int64 = 10_000
  private static let lag = Duration.seconds(3600)
  /// Between two writes.
  private static let spacing = Duration.seconds(10)

  private let directory: String
  private let boot: BootID
  private let boots: BootClocks
  private let state = Mutex(State())

  init(directory: String, boot: BootID, boots: BootClocks) {
    (self.directory, self.boot, self.boots) = (directory, boot, boots)
  }

  private var path: String { "\(directory)/\(Self.name)" }

  /// Takes up what the file says, once, when the disk, which holds it, is there for the first time.
  func takeUp(_ disk: DurableStore?, at now: BootTime) {
    guard let disk, boot != BootID(high: 0, low: 0) else { return }
    state.withLock { takeUp(disk, at: now, &$0) }
  }

  /// Writes the file when what it says is not true any more. `isEnd`: all that is known goes there.
  func tend(_ disk: DurableStore?, at now: BootTime, isEnd: Bool = false) {
    guard let disk, boot != BootID(high: 0, low: 0) else { return }
    state.withLock { state in
      takeUp(disk, at: now, &state)
      let table = boots.current
      guard isDue(table, at: now, isEnd: isEnd, state) else { return }
      state.triedAt = now
      do throws(SystemError) {
        try replaceFile(path, by: table.text)
        (state.written, state.wasRefused) = (table, false)
      } catch {
        state.wasRefused = true
        JournalLog.write(.warning, kind: "boots", "\(error); rows without a time may not get one later")
      }
    }
  }

  private func isDue(_ table: BootClock, at now: BootTime, isEnd: Bool, _ state: State) -> Bool {
    if table == state.written { return false }
    let isNews = table[boot]?.offset != nil && state.written[boot]?.offset == nil
    if isEnd || isNews && !state.wasRefused { return true }
    if let last = state.triedAt, last.duration(to: now) < Self.spacing { return false }
    guard let present = table[boot], let kept = state.written[boot],
      table.boots.count == state.written.boots.count
    else { return true }
    let isOff =
      switch (present.offset, kept.offset) {
      case (nil, nil): false
      case (let present?, let kept?): (present &- kept).magnitude > Self.tolerance.magnitude
      default: true
      }
    return isOff || kept.last.duration(to: present.last) >= Self.lag
  }

  private func takeUp(_ disk: DurableStore, at now: BootTime, _ state: inout State) {
    if state.wasRead { return }
    state.wasRead = true
    var earlier = BootClock()
    if access(path, F_OK) == 0 {
      if let table = (try? readFile(path, limit: Self.mostBytes)).flatMap(BootClock.init(text:)) {
        (earlier, state.written) = (table, table)
      } else {
        setAside()
      }
    }
    // A power cut leaves the file behind what was stored.
    if let newest = disk.newestRows, newest.boot != BootID(high: 0, low: 0) {
      earlier.begin(newest.boot, at: newest.through, laterThan: nil)
      if let offset = newest.offset, earlier[newest.boot]?.offset == nil {
        earlier.know(newest.boot, offset: offset, correction: 0)
      }
    }
    earlier.begin(boot, at: now, laterThan: nil)
    boots.update { table in
      table.follow(earlier)
      return true
    }
  }

  private func setAside() {
    let name = "\(Self.name).damaged"
    let result = renameFile(path, to: "\(directory)/\(name)", replacing: true)
    guard case .success = result else { return }
    JournalLog.line(
      .warning,
      "\"\(path)\" is damaged: it was renamed to \"\(name)\"; rows of earlier boots that did not know the time stay"
        + " without one")
  }
}
