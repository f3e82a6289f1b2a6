internal import GatewayCore

/// Answers that leave later, the earliest first; equal times in the order of their coming (a binary heap).
struct AnswerQueue {
  struct Answer {
    var due: BootTime
    var token: UInt64
    var bytes: [UInt8]
    fileprivate var number: UInt64

    fileprivate func isBefore(_ other: Answer) -> Bool { (due, number) < (other.due, other.number) }
  }

  private var heap: [Answer] = []
  private var number: UInt64 = 0

  var nextDue: BootTime? { heap.first?.due }

  mutating func push(_ bytes: [UInt8], to token: UInt64, due: BootTime) {
    number += 1
    heap.append(Answer(due: due, token: token, bytes: bytes, number: number))
    var child = heap.count - 1
    while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func pop(due now: BootTime) -> Answer? {
    guard let first = heap.first, first.due <= now else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].isBefore(heap[least]) {
        least = child
      }
      if least == parent { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
