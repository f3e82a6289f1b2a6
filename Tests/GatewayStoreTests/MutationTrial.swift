import GatewayCore
import Synchronization
import Testing

@testable import GatewayStore

/// One image after a mutation: opened, read to the end by every destination, and written again.
struct MutationTrial {
  struct Counts {
    var mutations = 0
    /// Rows that were lost, at the destination that lost the most.
    var damagedRows: UInt64 = 0
    /// Rows of a last commit that nothing but the commit itself told of.
    var unknownRows: UInt64 = 0
    /// Images in which both copies of something were hit, and with them more than the commits that were.
    var bothCopies = 0
    var falseRows = 0
    var failedStarts = 0

    mutating func add(_ other: Counts) {
      mutations += other.mutations
      damagedRows += other.damagedRows
      unknownRows += other.unknownRows
      bothCopies += other.bothCopies
      falseRows += other.falseRows
      failedStarts += other.failedStarts
    }
  }

  let image: StoreImage
  let mutation: StoreMutation
  let device: MemoryDevice
  let name: String
  /// Rows are stored before the old ones are read, so that slots are given away.
  private let isBusy: Bool
  /// What may be missing.
  private let lost: RangeSet<UInt64>
  private let hit: RangeSet<UInt64>
  private(set) var counts = Counts()

  init(_ image: StoreImage, _ origin: String, seed: UInt64, isBusy: Bool) {
    self.isBusy = isBusy
    self.image = image
    mutation = StoreMutation(image, seed: seed)
    device = MemoryDevice(mutation.bytes)
    name = "\(origin), seed \(seed), \(mutation.words.joined(separator: ", "))"
    (hit, lost) = Self.expectedLoss(image, mutation, isBusy)
    counts.mutations = 1
    counts.bothCopies = hit == lost ? 0 : 1
  }

  /// The rows of the commits that were hit; and with those that go with both copies of a description, or of what
  /// says that a packed segment is one.
  private static func expectedLoss(
    _ image: StoreImage, _ mutation: StoreMutation, _ isBusy: Bool
  ) -> (hit: RangeSet<UInt64>, all: RangeSet<UInt64>) {
    var hit = RangeSet<UInt64>()
    var headers = Array(repeating: false, count: image.segments.count)
    var commits = headers
    for record in image.records {
      let isIntact = mutation.isUnchanged(record.bytes)
      switch record.kind {
      case .rows(let rows):
        if !isIntact { hit.insert(contentsOf: Range(rows)) } else { commits[record.segment] = true }
      case .header: if isIntact { headers[record.segment] = true }
      case .catalogue: break
      }
    }
    let isThere = image.segments.indices.map { place in
      headers[place] || !image.segments[place].isPacked && commits[place]
    }
    // Where nothing is written before all is read, another segment's description serves as well as the own one.
    func place(_ segment: Int) -> Int { isBusy ? segment : 0 }
    var described = Array(repeating: Set<UInt32>(), count: image.segments.count)
    for record in image.records where isThere[record.segment] {
      if case .catalogue(let id) = record.kind, mutation.isUnchanged(record.bytes) {
        described[place(record.segment)].insert(id)
      }
    }
    var all = hit
    for record in image.records {
      guard case .rows(let rows) = record.kind else { continue }
      let content = image.content(of: rows.lowerBound)
      if !isThere[record.segment] || !described[place(record.segment)].contains(content) {
        all.insert(contentsOf: Range(rows))
      }
    }
    return (hit, all)
  }

  // MARK: The trial

  mutating func run() throws {
    let store: DurableStore
    do {
      store = try image.open(device)
    } catch {
      counts.failedStarts = 1
      return fail("\(error)")
    }
    checkStart(store)
    let known = store.storedThrough
    if isBusy { for _ in 0..<12 { try append(to: store, knownThrough: known) } }
    for destination in image.destinations { try drain(store, destination, knownThrough: known) }
    for _ in 0..<2 { try append(to: store, knownThrough: known) }
    checkBooks(store)
    let (stored, stream) = (store.storedThrough, store.stream)
    device.kill()
    let again = try image.open(device)
    if again.storedThrough != stored || again.stream != stream { fail("what was stored since is not there") }
    guard case .commit(let commit) = again.queue(for: "p").read(at: stored) else {
      return fail("row \(stored) was stored since and cannot be read")
    }
    check(commit, knownThrough: known, again)
  }

  private func fail(_ what: String) { Issue.record("\(what): \(name)") }

  private mutating func checkStart(_ store: DurableStore) {
    let now = store.storedThrough
    guard now <= image.stored else { return fail("row \(now) was never stored") }
    let cut = RangeSet(now + 1..<image.stored + 1).intersection(image.held)
    if !cut.isSubset(of: lost) { fail("the end \(now) is too early") }
    counts.unknownRows = cut.rowCount
    let ledgers = StoreLayout(slotSize: image.slotSize).ledgers.count {
      mutation.isUnchanged($0..<$0 + StoreFormat.block)
    }
    for destination in image.destinations {
      let settled = store.shared.withLock { $0.ledger.entries[destination]!.settled }
      let gone = settled.intersection(image.pending(destination))
      if !gone.isSubset(of: lost) {
        fail("\(destination): rows \(gone.subtracting(lost)) are settled")
      }
      guard ledgers == 2 else { continue }
      let books = store.books(of: destination)!
      let more = settled.subtracting(image.settled[destination]!).rowCount
      if books.damaged != image.books[destination]!.damaged + more {
        fail("\(destination): \(books.damaged) damaged rows at the start, \(more) more are settled")
      }
    }
  }

  private mutating func append(to store: DurableStore, knownThrough known: UInt64) throws {
    let catalogue = image.catalogues.values.min { $0.id < $1.id }!
    var encoder = RowEncoder()
    for number in 0..<3 {
      let moment = Moment(
        time: Timestamp(microseconds: 1_800_000_000_000_000), boot: BootTime(microseconds: 0))
      encoder.append(Reading(point: PointIndex(0), at: moment, value: .signed(Int64(number))))
    }
    let first = store.storedThrough + 1
    try encoder.bytes.withBytes {
      try store.append(
        payload: $0, rowCount: 3, catalogue: catalogue, time: Timestamp(microseconds: 1_800_000_000_000_000))
    }
    store.packOldSegments()
    store.thinOldRows()
    for seq in first...store.storedThrough
    where image.rows[StoreImage.Name(stream: store.stream, seq: seq)] != nil {
      fail("row \(seq) of stream \(store.stream) was another one before")
    }
  }

  // MARK: Reading

  private mutating func drain(
    _ store: DurableStore, _ destination: String, knownThrough known: UInt64
  ) throws {
    let queue = store.queue(for: destination)
    let before = store.books(of: destination)!
    var missing = RangeSet<UInt64>()
    while let run = queue.pending(from: 1) {
      switch queue.read(at: run.lowerBound) {
      case .commit(let commit):
        check(commit, knownThrough: known, store)
        let rows = run.lowerBound...min(run.upperBound, commit.lastSeq)
        let catalogue = queue.catalogue(commit.catalogueID)
        if catalogue == nil { missing.insert(contentsOf: Range(rows)) }
        queue.acknowledge(rows, as: catalogue == nil ? .lost : .delivered)
      case .gap(let through):
        let rows = run.lowerBound...min(run.upperBound, through)
        missing.insert(contentsOf: Range(rows))
        queue.acknowledge(rows, as: .lost)
      case .end: return fail("row \(run.lowerBound) is behind the end")
      }
    }
    let books = store.books(of: destination)!
    if books.damaged != before.damaged + missing.rowCount
      || books.evicted != before.evicted + missing.rowCount
      || books.queued != 0
    {
      fail("\(destination): \(missing) were lost, the books say \(books), before \(before)")
    }
    counts.damagedRows = max(counts.damagedRows, missing.rowCount)
    let needed = missing.intersection(image.pending(destination))
    if !needed.isSubset(of: lost) {
      fail("\(destination): \(needed.subtracting(lost)) were lost without damage")
    }
    if mutation.hitBlocks == 1, commits(with: needed) > 1 { fail("one block cost more than one commit") }
  }

  private func commits(with rows: RangeSet<UInt64>) -> Int {
    image.records.count { record in
      if case .rows(let all) = record.kind { !rows.intersection(RangeSet(Range(all))).isEmpty } else { false }
    }
  }

  /// Each row is what was written under its number, or was written since.
  private mutating func check(_ commit: StoredCommit, knownThrough known: UInt64, _ store: DurableStore) {
    var isFalse: [StoreImage.Name] = []
    do {
      try commit.forEachRow { name, row in
        let now = StoreImage.Content(row: row, catalogue: commit.catalogueID)
        let isNew = name.seq > known && name.stream == store.stream
        if image.rows[name].map({ $0 != now }) ?? !isNew { isFalse.append(name) }
      }
    } catch {
      fail("commit \(commit.firstSeq) cannot be decoded")
    }
    if !isFalse.isEmpty { fail("\(isFalse) are false") }
    counts.falseRows += isFalse.count
    if let found = store.queue(for: "p").catalogue(commit.catalogueID),
      let known = image.catalogues[found.id],
      found != known
    {
      fail("the description of \(commit.firstSeq) is false")
    }
  }

  private func checkBooks(_ store: DurableStore) {
    for destination in image.destinations {
      let books = store.books(of: destination)!
      if books.stored != books.delivered + books.queued + books.evicted + books.quarantined
        || books.stored != store.storedThrough || books.damaged > books.evicted
      {
        fail("\(destination): the books do not balance: \(books)")
      }
    }
  }
}

extension StoreImage {
  /// The catalogue of row `seq` as it is stored now.
  fileprivate func content(of seq: UInt64) -> UInt32 { catalogueOfRow[seq] ?? 0 }
}
