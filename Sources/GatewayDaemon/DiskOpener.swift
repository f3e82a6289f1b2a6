internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem

extension DaemonOptions {
  /// Opens the store of the state directory, which is made where its parent exists; at the start, and again until it
  /// succeeds.
  func diskOpener(boot: BootID, clocks: BootClocks) -> Stores.OpenDisk {
    let directory = stateDirectory
    let mark = mark
    return { config throws(StoreError) in
      do throws(SystemError) { try makeDirectory(directory) } catch {
        throw .refused("\(error); --state names another", code: error.code)
      }
      return try DurableStore.open(
        directory: directory, capacity: config.store.capacity, destinations: config.destinations.map(\.name),
        boot: boot, mark: mark, clocks: clocks)
    }
  }

  /// In the runtime directory, which a power cut empties. Without it the store draws a new stream after a kill.
  private var mark: StoredMark {
    do throws(SystemError) { return try StoredMark(path: socketPath + ".stored") } catch {
      JournalLog.line(.warning, "\(error); after a crash rows are numbered under a new stream")
      return StoredMark()
    }
  }
}
