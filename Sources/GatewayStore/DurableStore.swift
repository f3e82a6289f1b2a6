package import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// Rows that survive a power cut, in the order of their numbers, until every destination has them or room is
/// needed. It promises:
///
/// * When `append` returns, the rows are on the medium; what is there is never written over before it is
///   settled or evicted. One write and one fdatasync a commit, no file-system metadata in steady state.
/// * Whatever bytes the file holds, it opens; damage costs the commits that it hit, and each row is counted.
/// * The ledger on the medium may lag, so that rows are sent again, but never leads.
/// * A pair of stream and number names one row for ever.
///
/// Relies on one thread for `append`; everything else may be called from any thread. `StoreFormat` states the
/// bytes.
package final class DurableStore: Sendable {
  /// The stream of the rows to come.
  package let stream: StreamID
  /// What the start found that was not as it should be, a sentence each.
  package let notes: [String]
  let device: any BlockDevice
  let layout: StoreLayout
  let boot: BootID
  /// What is known of the clocks that rows were taken under.
  package let clocks: BootClocks
  let mark: StoredMark
  /// Slots that the capacity allows. After it was made smaller, the file has more: those are emptied, not
  /// reused.
  let slotLimit: Int
  let capacity: Int
  /// The rows that platforms refuse.
  package let quarantine: QuarantineFile
  /// Held for its lock.
  private let directory: StoreDirectory?

  /// What the writer and the readers share; held for memory operations only.
  struct Shared {
    var ledger: DeliveryLedger
    /// The medium's ledger is older than this one.
    var ledgerIsDirty = false
    var map: SegmentMap
    /// The index of the map's newest segment.
    var newest: SegmentIndex
    var commits: UInt64 = 0
    var bytesWritten: UInt64 = 0
    /// The part of it that zero-filled slots.
    var bytesPrepared: UInt64 = 0
    /// The part of it that commits took.
    var bytesOfRows: UInt64 = 0
    var eviction = EvictionPolicy.oldest
    var writeFault: String?
    var spaceFault: String?
    /// By destination; a forwarder that takes over from another one replaces its listener.
    var listeners: [String: @Sendable () -> Void] = [:]
  }
  let shared: Mutex<Shared>
  /// The writing thread's; taken before `shared`, never while holding it.
  let writer: Mutex<Writer>
  /// Indexes of older segments that are being read, the last used at the end.
  let sealed = Mutex<[(id: UInt64, index: SegmentIndex)]>([])
  /// Rows that turned out to be destroyed when the store was opened, at the destination that lost the most.
  package let lostBeforeStart: UInt64
  /// The last used at the end.
  let knownCatalogues = Mutex<[Catalogue]>([])
  /// Reads that the medium refused, for readers to see whether what they miss is damaged or only away.
  let refusedReads = Atomic<UInt64>(0)
  /// Rows that it refused to give back, and how many commits there had been by then.
  let awaited = Mutex<[UInt64: UInt64]>([:])

  /// Opens a store of state directory `directory`, making it when there is none. `capacity`: bytes of the
  /// medium that it may use. Throws `busy`, `unusable`, `away` or `newer`, never for damage.
  package static func open(
    directory path: String, _ place: StorePlace = .rows, capacity: Int, destinations: [String], boot: BootID,
    mark: StoredMark, clocks: BootClocks = BootClocks()
  ) throws(StoreError) -> DurableStore {
    let directory = try StoreDirectory(path, place)
    return try open(
      in: directory, slotSize: place.slotSize, capacity: capacity, destinations: destinations,
      boot: boot, mark: mark, clocks: clocks)
  }

  static func open(
    in directory: StoreDirectory, slotSize: Int, capacity: Int, destinations: [String], boot: BootID,
    mark: StoredMark, clocks: BootClocks = BootClocks()
  ) throws(StoreError) -> DurableStore {
    var file = try directory.openFile()
    var recovery = try Recovery(device: file, slotSize: slotSize)
    var notes: [String] = []
    if !recovery.hasAnythingOfOurs, try !recovery.isBlank(file) {
      let name = try directory.setForeignFileAside()
      notes.append(
        "\"\(directory.path)/\(directory.place.file)\" is not a store; it was renamed to \"\(name)\"")
      file = try directory.openFile()
      recovery = try Recovery(device: file, slotSize: slotSize)
    }
    if !recovery.hasRecords, let before = mark.read(), before.boot == boot, before.storedThrough > 0 {
      notes.append(
        "the store that held rows up to \(before.storedThrough) of stream \(before.stream) is gone; it begins anew"
      )
    }
    let store = try DurableStore(
      device: file, recovery: recovery, directory: directory, notes: notes, capacity: capacity,
      destinations: destinations, boot: boot, mark: mark, clocks: clocks)
    store.agreeWithQuarantine()
    if case .failure(let error) = directory.synchronize() {
      throw .refused(
        "cannot synchronise state directory \"\(directory.path)\": \(SystemError.text(error.code))",
        code: error.code)
    }
    return store
  }

  /// Opens the store on any device; without a directory nothing is locked or renamed.
  package convenience init(
    device: any BlockDevice, slotSize: Int, capacity: Int, destinations: [String], boot: BootID,
    mark: StoredMark, clocks: BootClocks = BootClocks()
  ) throws(StoreError) {
    let recovery = try Recovery(device: device, slotSize: slotSize)
    try self.init(
      device: device, recovery: recovery, directory: nil, notes: [], capacity: capacity,
      destinations: destinations, boot: boot, mark: mark, clocks: clocks)
  }

  private init(
    device: any BlockDevice, recovery: Recovery, directory: StoreDirectory?, notes: [String], capacity: Int,
    destinations: [String], boot: BootID, mark: StoredMark, clocks: BootClocks
  ) throws(StoreError) {
    try Self.check(destinations: destinations)
    var recovery = recovery
    recovery.believe(mark.read(), boot: boot)
    self.device = device
    self.directory = directory
    quarantine = QuarantineFile(directory: directory?.path, name: directory?.place.quarantine)
    self.boot = boot
    self.clocks = clocks
    self.mark = mark
    self.capacity = capacity
    layout = recovery.layout
    slotLimit = layout.slots(inCapacity: capacity)
    let found = recovery.reconciledLedger(for: destinations, on: device)
    lostBeforeStart = recovery.ledger.map { found.damaged(since: $0.ledger) } ?? 0
    var notes = notes
    if lostBeforeStart > 0 {
      notes.append(
        "\(lostBeforeStart) rows that were stored are destroyed on the medium and count as damaged")
    }
    var preparation = Preparation(device: device, recovery: recovery, notes: notes + recovery.notes)
    try preparation.makeRoom(slots: StoreLayout.leastSlots)
    var ledger = LedgerWriter(device: device, recovery: recovery)
    let start = preparation.begin(
      with: found,
      proven: recovery.provenStream(boot: boot, mark: mark.read()), boot: boot, writer: &ledger)
    mark.write(
      StoredMark.Content(boot: boot, stream: start.stream, storedThrough: start.ledger.storedThrough))
    preparation.reserve(layout.offset(ofSlot: slotLimit))
    stream = start.stream
    self.notes = preparation.notes + (quarantine.note.map { [$0] } ?? [])
    shared = Mutex(
      Shared(
        ledger: start.ledger, ledgerIsDirty: !start.isDurable, map: preparation.map, newest: recovery.newest,
        bytesWritten: preparation.bytesWritten, bytesPrepared: preparation.bytesWritten,
        spaceFault: preparation.spaceFault))
    writer = Mutex(
      Writer(
        ledger: ledger, nextSegment: recovery.nextSegment,
        slot: recovery.canContinue ? recovery.map.segments.last?.slot : nil,
        owesLedger: !start.isDurable))
  }

  /// Throws `unusable` when there is no room for their books.
  package static func check(destinations names: [String]) throws(StoreError) {
    guard LedgerBlock.fits(names) else {
      throw .unusable(
        "cannot keep a ledger of these destinations: their names take more than 4 KiB;"
          + " use fewer or shorter ones")
    }
  }

  /// The number of the last row that is on the medium; 0 when there is none.
  package var storedThrough: UInt64 { shared.withLock { $0.ledger.storedThrough } }

  /// nil for a destination that is not configured.
  package func books(of destination: String) -> DeliveryBooks? {
    shared.withLock { $0.ledger.books(of: destination) }
  }

  /// The books of the destination that is furthest behind.
  package var overallBooks: DeliveryBooks { shared.withLock { $0.ledger.overallBooks } }

  /// The view of one destination. Its rows are kept from the moment at which `setDestinations` names it.
  package func queue(for destination: String) -> any DeliveryQueue {
    DestinationQueue(store: self, destination: destination)
  }

  /// The same, with the quarantine of the rows that its platform refuses.
  package func uplinkQueue(for destination: String) -> QuarantineQueue {
    QuarantineQueue(self, destination: destination)
  }

  /// Takes over a new configuration's destinations: new ones get whatever is still stored, those that are gone
  /// hold no slot back any more. Throws `unusable` when their names do not fit the ledger; nothing
  /// changed then.
  package func setDestinations(_ names: [String]) throws(StoreError) {
    try Self.check(destinations: names)
    let (map, ledger, newest) = shared.withLock { ($0.map, $0.ledger, $0.newest) }
    let gone = map.rowsGone(for: names, unknownTo: ledger) {
      $0.id == map.segments.last?.id ? newest : index(of: $0)
    }
    shared.withLock { shared in
      shared.ledger.setDestinations(names, gone: gone)
      shared.ledgerIsDirty = true
      shared.listeners = shared.listeners.filter { names.contains($0.key) }
    }
  }
}
