internal import GatewayCore

/// Several destinations' views of one store as one: the rows that any of them still lacks.
final class UnionQueue: DeliveryQueue {
  private let queues: [any DeliveryQueue]

  /// At least one queue, all of the same store.
  init(_ queues: [any DeliveryQueue]) {
    precondition(!queues.isEmpty, "BUG: a union of no queues")
    self.queues = queues
  }

  var storedThrough: UInt64 { queues[0].storedThrough }
  var settledThrough: UInt64 { queues.map(\.settledThrough).reduce(.max, min) }

  func pending(from seq: UInt64) -> ClosedRange<UInt64>? {
    let runs = queues.compactMap { $0.pending(from: seq) }
    guard var union = runs.min(by: { $0.lowerBound < $1.lowerBound }) else { return nil }
    // Another destination's run may go on where this one ends.
    while union.upperBound < .max {
      let next = union.upperBound + 1
      let ends = queues.compactMap { $0.pending(from: next) }.filter { $0.lowerBound == next }
      guard let end = ends.map(\.upperBound).max() else { break }
      union = union.lowerBound...end
    }
    return union
  }

  func pending(through seq: UInt64) -> ClosedRange<UInt64>? {
    let runs = queues.compactMap { $0.pending(through: seq) }
    guard var union = runs.max(by: { $0.upperBound < $1.upperBound }) else { return nil }
    while union.lowerBound > 1 {
      let next = union.lowerBound - 1
      let starts = queues.compactMap { $0.pending(through: next) }.filter { $0.upperBound == next }
      guard let start = starts.map(\.lowerBound).min() else { break }
      union = start...union.upperBound
    }
    return union
  }

  func read(at seq: UInt64) -> DeliveryRead { queues[0].read(at: seq) }

  var clocks: BootClocks? { queues[0].clocks }

  func catalogue(_ id: UInt32) -> Catalogue? { queues[0].catalogue(id) }

  func acknowledge(_ rows: ClosedRange<UInt64>, as settlement: Settlement) {
    for queue in queues { queue.acknowledge(rows, as: settlement) }
  }

  /// Nobody waits here: each destination's own listener stays.
  func onStored(_ raise: @escaping @Sendable () -> Void) {}
}
