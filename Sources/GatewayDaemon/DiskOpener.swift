internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem
internal import Glibc

extension DaemonOptions {
  /// Opens the store of the state directory, which is made where its parent exists; at the start, and again until it
  /// succeeds.
  func diskOpener(boot: BootID, clocks: BootClocks) -> Stores.OpenDisk {
    opener(.rows, boot: boot, mark(".stored"), clocks)
  }

  /// The same of the store of alarms.
  func alarmOpener(boot: BootID, clocks: BootClocks) -> Stores.OpenDisk {
    opener(.alarms, boot: boot, mark(".alarms-stored"), clocks)
  }

  /// An earlier configuration had alarms.
  var hasAlarmStore: Bool { access("\(stateDirectory)/\(StorePlace.alarms.file)", F_OK) == 0 }

  private func opener(
    _ place: StorePlace, boot: BootID, _ mark: StoredMark, _ clocks: BootClocks
  ) -> Stores.OpenDisk {
    let directory = stateDirectory
    return { config throws(StoreError) in
      do throws(SystemError) { try makeDirectory(directory) } catch {
        throw .refused("\(error); --state names another", code: error.code)
      }
      return try DurableStore.open(
        directory: directory, place, capacity: config.store.capacity,
        destinations: config.destinations.map(\.name),
        boot: boot, mark: mark, clocks: clocks)
    }
  }

  /// In the runtime directory, which a power cut empties. Without it the store draws a new stream after a kill.
  private func mark(_ suffix: String) -> StoredMark {
    do throws(SystemError) { return try StoredMark(path: socketPath + suffix) } catch {
      JournalLog.line(.warning, "\(error); after a crash rows are numbered under a new stream")
      return StoredMark()
    }
  }
}
