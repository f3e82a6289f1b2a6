internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem
internal import GatewayUplink
internal import Synchronization

/// What is left of stores in memory that ended in this run: what they counted.
struct EndedStores: Sendable {
  private(set) var commits: UInt64 = 0
  private(set) var stored: UInt64 = 0
  private var books: [String: DeliveryBooks] = [:]

  mutating func add(_ store: DurableStore, _ destinations: [String]) {
    for name in DeliveryLedger.entryNames(for: destinations) {
      books[name] = self.books(of: name) + store.books(orAllGone: name)
    }
    commits += store.usage.commits
    stored += store.storedThrough
  }

  mutating func keep(only destinations: [String]) {
    let names = DeliveryLedger.entryNames(for: destinations)
    books = books.filter { names.contains($0.key) }
  }

  /// For a destination that came later all rows are gone, as in any store.
  func books(of destination: String) -> DeliveryBooks { books[destination] ?? DeliveryBooks(gone: stored) }
}

extension DurableStore {
  fileprivate func books(orAllGone destination: String) -> DeliveryBooks {
    books(of: destination) ?? DeliveryBooks(gone: storedThrough)
  }
}

extension DeliveryBooks {
  fileprivate init(gone rows: UInt64) {
    self.init(stored: rows, entry: DeliveryLedger.Entry())
    (queued, evicted) = (0, rows)
  }

  fileprivate static func + (one: DeliveryBooks, other: DeliveryBooks) -> DeliveryBooks {
    var sum = one
    sum.stored += other.stored
    sum.delivered += other.delivered
    sum.queued += other.queued
    sum.evicted += other.evicted
    sum.damaged += other.damaged
    sum.thinned += other.thinned
    sum.quarantined += other.quarantined
    return sum
  }
}

// What all stores say together, as if they were one.

extension Stores {
  /// At one instant.
  struct Summary {
    /// Of the destination that is furthest behind.
    var books: DeliveryBooks
    var lostSinceStart: UInt64
    /// Rows that wait for the disk and for nobody else.
    var held: UInt64
    /// Rows that only memory has.
    var inMemory: UInt64
    var store: StatusSnapshot.Store
    var destinations: [StatusSnapshot.Destination]
  }

  var summary: Summary { Self.summary(of: [self]) }

  /// Of several as if they were one; the first is the one that is shown.
  static func summary(of lanes: [Stores]) -> Summary {
    let states = lanes.map { $0.state.withLock { $0 } }
    let names = states[0].config.destinations.map(\.name)
    let books = DeliveryLedger.entryNames(for: names).map { name in
      (name, states.dropFirst().reduce(states[0].books(of: name)) { $0 + $1.books(of: name) })
    }
    // There is always one.
    let furthestBehind = books.min { ($0.1.settled, $0.0) < ($1.1.settled, $1.0) }!.1
    let lostBefore = states.reduce(0) { $0 + $1.lostBefore }
    var store = states[0].store
    store.fault = store.fault ?? lanes.dropFirst().compactMap(\.fault).first.map { "alarms: \($0)" }
    return Summary(
      books: furthestBehind,
      lostSinceStart: furthestBehind.lost - min(lostBefore, furthestBehind.lost),
      held: states.reduce(0) { $0 + UInt64($1.absence?.held?.rowCount ?? 0) },
      inMemory: states.reduce(0) { $0 + ($1.memory?.store.overallBooks.queued ?? 0) }, store: store,
      destinations: books.filter { names.contains($0.0) }.map { name, books in
        destination(name, books, states.flatMap(\.depots))
      })
  }

  /// One destination, however many forwarders it has: the worse state is shown, with its error.
  private static func destination(
    _ name: String, _ books: DeliveryBooks, _ depots: [Depot]
  ) -> StatusSnapshot.Destination {
    let all = depots.compactMap { depot in depot.uplinks.first { $0.name == name }?.forwarder.status }
    let worst = all.max { $0.state.severity < $1.state.severity } ?? Forwarder.Status()
    let end = all.compactMap(\.certificateEnd).min { $0.time < $1.time }
    return StatusSnapshot.Destination(
      name: name, state: worst.state, stored: books.stored, delivered: books.delivered, queued: books.queued,
      evicted: books.evicted, quarantined: books.quarantined,
      lastSuccess: all.compactMap(\.lastSuccess).max(),
      lastError: worst.lastError ?? all.compactMap(\.lastError).first, retryIn: worst.retryIn,
      certificateExpires: end?.time, certificateNotice: end?.sentence(at: SystemClock.time))
  }

  /// What one store holds for some destinations, to be carried out by hand.
  struct CarriedQueue {
    var store: DurableStore
    var queue: UnionQueue
    let mayHold: @Sendable (StreamID) -> Bool
    /// Of another lane: what streams it has, only its commits say.
    var isApart = false
  }

  /// Every stream is in one of them: what is not memory's is the disk's.
  func queues(of destinations: [String]) -> [CarriedQueue] {
    let state = state.withLock { $0 }
    return state.depots.map { depot in
      let memoryStream = state.disk == nil ? nil : state.memory?.store.stream
      let isDisk = depot === state.disk
      let queues = destinations.map { depot.store.queue(for: $0) }
      return CarriedQueue(
        store: depot.store, queue: UnionQueue(queues),
        mayHold: { memoryStream == nil || isDisk == ($0 != memoryStream) })
    }
  }

  /// Why rows are not on the disk; nil when they are.
  var fault: String? {
    let state = state.withLock { $0 }
    return state.fault ?? state.disk?.store.usage.fault
  }

  var heartbeats: [Heartbeat] { depots.flatMap { $0.uplinks.map(\.heartbeat) } }

  /// The disk's store, and where there is none the one in memory.
  var shown: (store: DurableStore, isDisk: Bool)? {
    state.withLock { state in
      if let disk = state.disk { return (disk.store, true) }
      return state.memory.map { ($0.store, false) }
    }
  }
}

extension DeliveryBooks {
  fileprivate var settled: UInt64 { stored - queued }
}

extension Stores.State {
  fileprivate func books(of destination: String) -> DeliveryBooks {
    depots.reduce(ended.books(of: destination)) { $0 + $1.store.books(orAllGone: destination) }
  }

  /// Why the disk is away.
  fileprivate var fault: String? {
    guard let absence else { return nil }
    let rows = UInt64(absence.held?.rowCount ?? 0) + (memory?.store.overallBooks.queued ?? 0)
    return "the disk is away: \(absence.cause); rows are kept in memory since \(absence.since) (\(rows) rows)"
  }

  fileprivate var store: StatusSnapshot.Store {
    let onDisk = disk?.store.usage
    let usages = [onDisk, memory?.store.usage].compactMap { $0 }
    return StatusSnapshot.Store(
      capacity: usages.first?.capacity ?? config.store.capacity, used: usages.reduce(0) { $0 + $1.used },
      oldest: usages.compactMap(\.oldest).min(), commits: usages.reduce(ended.commits) { $0 + $1.commits },
      bytesWritten: onDisk?.bytesWritten ?? 0, fault: fault ?? onDisk?.fault,
      slotsSetAside: onDisk?.slotsSetAside ?? 0)
  }
}

extension StatusSnapshot.State {
  fileprivate var severity: Int {
    switch self {
    case .ok: 0
    case .warning: 1
    case .critical: 2
    }
  }
}
