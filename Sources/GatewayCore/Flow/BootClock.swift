/// What is known of the clock of one boot of this machine.
package struct BootRecord: Equatable, Sendable {
  package var id: BootID
  /// It was later than this when the boot began, by all that was known then.
  package var notBefore: Timestamp
  /// The latest boot time at which the machine was seen to run.
  package var last: BootTime
  /// Time less boot time, microseconds, while the clock was synchronised; nil for a boot that never knew the time.
  package var offset: Int64?
  /// The part of `offset` that the two clocks do not show, microseconds: see `ClockWatch.correction`.
  package var correction: Int64

  package init(
    id: BootID, notBefore: Timestamp, last: BootTime, offset: Int64? = nil, correction: Int64 = 0
  ) {
    self.id = id
    self.notBefore = notBefore
    self.last = last
    self.offset = offset
    self.correction = correction
  }

  /// When the machine was last seen to run; nil where nobody can say.
  var knownEnd: Timestamp? { offset.map { Timestamp(microseconds: last.microseconds &+ $0) } }
}

/// What the time of a row of one boot is.
package enum BootHealing: Equatable, Sendable {
  case unknown
  /// Boot time and this, in microseconds.
  case known(offset: Int64)
  /// The same, and how far that may be off at most.
  case estimated(offset: Int64, error: Duration)

  /// The row with the best time that there is. What was synchronised when it was taken stays as it is.
  package func healed(_ row: Row) -> Row {
    guard row.timeQuality != .synced else { return row }
    var row = row
    switch self {
    case .unknown: break
    case .known(let offset):
      row.time = Timestamp(microseconds: row.boot.microseconds &+ offset)
      row.timeQuality = .synced
    case .estimated(let offset, let error):
      row.time = Timestamp(microseconds: row.boot.microseconds &+ offset)
      row.timeQuality = .estimated
      row.timeError = error
    }
    return row
  }

  /// Whether a row's time is known, and not only bounded.
  package var isKnown: Bool { if case .known = self { true } else { false } }
}

/// The boots of this machine in their order, and so what time it was when a row was taken under a clock that was not
/// set. Promises:
///
/// * A row of a boot that knew the time at last has it to the error of the clock.
/// * The time of a row of a boot between two that knew it is bounded, and the bound holds: such boots share the time that
///   is not accounted for, each may lie anywhere in it, and the middle is taken.
/// * Rows of an earlier boot come out before those of a later one.
///
/// Relies on: boot time never steps; `begin` is called once for each boot of the machine at which rows were taken.
package struct BootClock: Equatable, Sendable {
  /// What is older is forgotten.
  package static let mostBoots = 128

  /// The newest at the end.
  package private(set) var boots: [BootRecord] = []

  package init() {}

  /// nil where two boots have one id.
  package init?(_ boots: [BootRecord]) {
    guard Set(boots.map(\.id)).count == boots.count else { return nil }
    self.boots = boots.suffix(Self.mostBoots)
  }

  package subscript(id: BootID) -> BootRecord? { boots.last { $0.id == id } }

  /// The machine has started, later than `known`. A boot that is there already goes on.
  package mutating func begin(_ id: BootID, at boot: BootTime, laterThan known: Timestamp?) {
    if self[id] == nil {
      let floor = [known, latestKnown, GatewayVersion.epoch].compactMap { $0 }.max() ?? GatewayVersion.epoch
      boots.append(BootRecord(id: id, notBefore: floor, last: boot))
      boots = boots.suffix(Self.mostBoots)
    }
    see(id, at: boot)
  }

  /// The machine runs.
  package mutating func see(_ id: BootID, at boot: BootTime) {
    guard let place = boots.lastIndex(where: { $0.id == id }) else { return }
    boots[place].last = max(boots[place].last, boot)
  }

  /// The clock is right. `correction`: what of `offset` the clocks do not show.
  package mutating func know(_ id: BootID, offset: Int64, correction: Int64) {
    guard let place = boots.lastIndex(where: { $0.id == id }) else { return }
    (boots[place].offset, boots[place].correction) = (offset, correction)
  }

  /// Puts what was known of earlier boots in front: the table was found only after this boot had begun.
  package mutating func follow(_ earlier: BootClock) {
    var merged = earlier
    for record in boots {
      guard let place = merged.boots.lastIndex(where: { $0.id == record.id }) else {
        merged.begin(record.id, at: record.last, laterThan: record.notBefore)
        if let offset = record.offset {
          merged.know(record.id, offset: offset, correction: record.correction)
        }
        continue
      }
      merged.boots[place].last = max(merged.boots[place].last, record.last)
      if let offset = record.offset { merged.know(record.id, offset: offset, correction: record.correction) }
    }
    self = merged
  }

  /// It is later than this, by the newest boot that knew the time: it may have corrected what an earlier one took for it.
  package var latestKnown: Timestamp? {
    let newest = boots.lastIndex { $0.offset != nil }
    let since = boots[(newest.map { $0 + 1 } ?? 0)...].map(\.notBefore)
    return (since + [newest.flatMap { boots[$0].knownEnd }].compactMap { $0 }).max()
  }

  /// How the times of rows of boot `id` are found.
  package func healing(of id: BootID) -> BootHealing {
    guard let place = boots.lastIndex(where: { $0.id == id }) else { return .unknown }
    if let offset = boots[place].offset { return .known(offset: offset) }
    return estimate(place)
  }

  /// The boot and its neighbours that did not know the time either ran one after the other between two times that are
  /// known, each for as long as it was seen. What is left of the time between can lie before any of them.
  private func estimate(_ place: Int) -> BootHealing {
    let first = boots[...place].lastIndex { $0.offset != nil }.map { $0 + 1 } ?? 0
    guard let next = boots[place...].firstIndex(where: { $0.offset != nil }) else { return .unknown }
    let before = first > 0 ? boots[first - 1].knownEnd : nil
    let start = (before ?? boots[first].notBefore).microseconds
    // Before the boot that knew the time began.
    let end = boots[next].offset ?? 0
    let (ran, ranBefore) = (ran(first..<next), ran(first..<place))
    let slack = end.subtractingReportingOverflow(start).partialValue &- ran
    // A clock that was synchronised has lied.
    guard slack >= 0, start >= 0, end >= start else { return .unknown }
    return .estimated(offset: start &+ ranBefore &+ slack / 2, error: .microseconds((slack + 1) / 2))
  }

  private func ran(_ places: Range<Int>) -> Int64 {
    boots[places].reduce(0) { $0 &+ max($1.last.microseconds, 0) }
  }
}
