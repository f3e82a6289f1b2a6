internal import GatewayCore

/// What a slot holds of one segment.
struct SegmentTrace {
  /// Blocks that begin with its header or with a record of it.
  private(set) var blocks = 0
  /// The header that it must have had: from the first commit, or, of a packed one, the copy of its header. Without
  /// that it was never finished.
  private(set) var header: SegmentHeader?

  mutating func add(_ record: RecordHeader) {
    blocks += 1
    guard header == nil, record.kind == .commit || record.kind == .summary else { return }
    // A replay must not rely on the checkpoint that begins a segment: it may be what was destroyed.
    header = SegmentHeader(
      id: record.segment, firstSeq: record.firstSeq, stream: record.stream, boot: record.boot,
      time: record.time,
      isContinuation: true)
  }

  mutating func add(_ found: SegmentHeader) {
    blocks += 1
    header = found
  }
}

/// A slot whose header was destroyed, or does not belong to what follows it.
struct DoubtfulSlot {
  var slot: Int
  var header: SegmentHeader?
  var traces: [UInt64: SegmentTrace]

  init(slot: Int, header: SegmentHeader?, traces: [UInt64: SegmentTrace]) {
    (self.slot, self.header, self.traces) = (slot, header, traces)
    if let header { self.traces[header.id, default: SegmentTrace()].add(header) }
  }

  /// The newest segment of each slot; none of those in `known`. A block may have been written to a wrong place: so a
  /// segment is where most of it is, and one block alone makes none where there is something else; nor do descriptions
  /// alone, of which nothing can be read.
  ///
  /// A torn header leaves the records of the slot's earlier use behind it: they come back as what they were, and the
  /// ledger, which was durable before the slot was taken, says that nobody needs them.
  static func headers(
    of slots: [DoubtfulSlot], besides known: Set<UInt64>
  ) -> [(slot: DoubtfulSlot, header: SegmentHeader)] {
    var owners: [UInt64: (slot: Int, blocks: Int)] = [:]
    for slot in slots {
      for (id, trace) in slot.traces
      where !known.contains(id) && trace.header != nil && trace.blocks > owners[id]?.blocks ?? 0 {
        owners[id] = (slot.slot, trace.blocks)
      }
    }
    return slots.compactMap { slot in
      let own = slot.traces.values.filter { trace in
        trace.header.map { owners[$0.id]?.slot == slot.slot } ?? false
      }
      let sure = own.filter { $0.blocks > 1 }
      let newest = (sure.isEmpty ? own : sure).compactMap(\.header).max { $0.id < $1.id }
      return newest.map { (slot, $0) }
    }
  }
}
