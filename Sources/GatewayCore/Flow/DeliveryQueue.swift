/// The name of one life of one store: 16 hexadecimal digits in a batch.
package struct StreamID: Hashable, BitwiseCopyable, Sendable, CustomStringConvertible {
  package var bits: UInt64

  package init(bits: UInt64) { self.bits = bits }

  package var description: String {
    let digits = String(bits, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// What a store's commit holds for a forwarder: consecutive rows and the id of the catalogue they were written
/// under.
package struct StoredCommit: Equatable, Sendable {
  /// The number of the first row.
  package var firstSeq: UInt64
  package var rowCount: Int
  /// `Catalogue.id` of the point descriptions that the rows refer to.
  package var catalogueID: UInt32
  package var boot: BootID
  /// Rows as `RowEncoder` wrote them, then the state that only recovery reads.
  package var payload: [UInt8]
  /// The stream that the rows were numbered under. A store draws a new one when it cannot prove that a number
  /// was never given away before (a power cut); rows that it already holds keep theirs. A batch therefore
  /// takes its stream from its commits and never mixes two.
  package var stream: StreamID

  package init(
    firstSeq: UInt64, rowCount: Int, catalogueID: UInt32, boot: BootID, payload: [UInt8],
    stream: StreamID
  ) {
    self.stream = stream
    self.firstSeq = firstSeq
    self.rowCount = rowCount
    self.catalogueID = catalogueID
    self.boot = boot
    self.payload = payload
  }

  package var lastSeq: UInt64 { firstSeq + UInt64(rowCount) - 1 }
}

/// One destination's view of the store: what is stored and not yet settled there. Reading removes nothing;
/// only `acknowledge` does. Thread-safe.
package protocol DeliveryQueue: AnyObject, Sendable {
  /// The last row that is on the medium; 0 when there is none.
  var storedThrough: UInt64 { get }
  /// All rows up to this one are delivered, quarantined or evicted at this destination. Eviction may move it
  /// at any time.
  var settledThrough: UInt64 { get }
  /// The first run of stored rows that are not settled here, at or behind `seq` and clipped to begin there; nil
  /// when there is none.
  func pending(from seq: UInt64) -> ClosedRange<UInt64>?
  /// The last such run at or before `seq`, clipped to end there; nil when there is none.
  func pending(through seq: UInt64) -> ClosedRange<UInt64>?
  /// The commit that holds row `seq`, or where the next readable row is.
  func read(at seq: UInt64) -> DeliveryRead
  /// What is known of the clocks that rows were taken under; nil where their times are to stay as they are.
  var clocks: BootClocks? { get }
  /// The descriptions that a commit's rows refer to; nil when every copy on the medium is damaged.
  func catalogue(_ id: UInt32) -> Catalogue?
  /// Settles what of `rows` is not settled yet, anywhere among the stored ones. Durable lazily: after a power cut
  /// the same rows may be sent again.
  func acknowledge(_ rows: ClosedRange<UInt64>, as settlement: Settlement)
  /// Called whenever rows were stored, instead of what was given before.
  func onStored(_ raise: @escaping @Sendable () -> Void)
}

extension DeliveryQueue {
  package var clocks: BootClocks? { nil }
}

package enum DeliveryRead: Equatable, Sendable {
  case commit(StoredCommit)
  /// The rows up to and including `through` are gone (evicted or damaged); the caller settles them as `.lost`.
  case gap(through: UInt64)
  /// Nothing is stored at or behind the row that was asked for, or the medium refuses to give it back for now: ask
  /// again when rows were stored.
  case end
}

package enum Settlement: Equatable, Sendable {
  case delivered
  /// The platform refuses the row for ever.
  case quarantined
  /// The medium cannot give it back.
  case lost
}
