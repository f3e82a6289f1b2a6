import Glibc
import Testing

@testable import GatewayCore

private func reading(_ number: UInt64) -> Reading {
  let moment = Moment(
    time: Timestamp(microseconds: Int64(number) * 3), boot: BootTime(microseconds: Int64(number) * 7))
  return Reading(point: UInt32(truncatingIfNeeded: number), at: moment, value: .unsigned(number))
}

private func number(_ reading: Reading) -> UInt64? {
  if case .unsigned(let number) = reading.value, reading.time.microseconds == Int64(number) * 3,
    reading.boot.microseconds == Int64(number) * 7, reading.point == UInt32(truncatingIfNeeded: number)
  {
    return number
  }
  return nil
}

/// Hands the two ends, which cannot be copied, to two threads, each of which takes its own out.
private final class Ends: @unchecked Sendable {
  var producer: ReadingRing.Producer
  var consumer: ReadingRing.Consumer

  init(_ producer: consuming ReadingRing.Producer, _ consumer: consuming ReadingRing.Consumer) {
    self.producer = producer
    self.consumer = consumer
  }

  static func make(minimum: Int) -> Ends { ReadingRing.make(minimum: minimum) { Ends($0, $1) } }

  func push(_ batch: [Reading]) -> Int { batch.withUnsafeBufferPointer { producer.push($0) } }

  func drain(limit: Int = .max) -> [Reading] {
    var taken: [Reading] = []
    let count = consumer.drain(limit: limit) { taken += $0 }
    #expect(count == taken.count)
    return taken
  }
}

/// Runs `body` on a thread of its own; the returned closure waits for its end.
private func onThread(_ body: @escaping @Sendable () -> Void) -> () -> Void {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let box = Unmanaged.passRetained(Box(body))
  let code = pthread_create(
    &thread, nil,
    { argument in
      Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
      return nil
    }, box.toOpaque())
  precondition(code == 0)
  return { pthread_join(thread, nil) }
}

@Suite struct ReadingRingTests {
  @Test func anyBurstsAndDrainsBehaveAsAQueue() {
    let random = UInt64.random(in: 0 ... .max)
    for seed in [random, 11, 12, 13] {
      var generator = SplitMix(seed: seed)
      let minimum = Int.random(in: 1...100, using: &generator)
      let ends = Ends.make(minimum: minimum)
      let capacity = ends.producer.capacity
      #expect(capacity >= minimum && capacity < 2 * minimum && capacity.nonzeroBitCount == 1, "seed \(seed)")
      var model: [Reading] = []
      var next: UInt64 = 0
      for _ in 0..<2000 {
        switch Int.random(in: 0..<4, using: &generator) {
        case 0:
          let burst = (0..<UInt64.random(in: 0...UInt64(capacity + 3), using: &generator)).map {
            reading(next + $0)
          }
          let accepted = ends.push(burst)
          #expect(accepted == min(burst.count, capacity - model.count), "seed \(seed)")
          model += burst.prefix(accepted)
          next += UInt64(accepted)
        case 1:
          let isAccepted = ends.producer.push(reading(next))
          #expect(isAccepted == (model.count < capacity), "seed \(seed)")
          if isAccepted {
            model.append(reading(next))
            next += 1
          }
        case 2:
          let popped = ends.consumer.pop()
          #expect(popped == (model.isEmpty ? nil : model.removeFirst()), "seed \(seed)")
        default:
          // A drain may stop at what it last saw of the producer, but never at nothing while there is some.
          let limit = Int.random(in: 1...capacity + 3, using: &generator)
          let taken = ends.drain(limit: limit)
          #expect(taken == Array(model.prefix(taken.count)), "seed \(seed)")
          #expect(taken.count <= limit && taken.isEmpty == model.isEmpty, "seed \(seed)")
          model.removeFirst(taken.count)
        }
        #expect(ends.producer.fillBound >= model.count, "seed \(seed)")
      }
    }
  }

  @Test func aFullRingRefusesAndRecovers() {
    let ends = Ends.make(minimum: 8)
    #expect(ends.push((0..<20).map(reading)) == 8)
    #expect(ends.push([reading(8)]) == 0)
    let isAccepted = ends.producer.push(reading(8))
    #expect(!isAccepted)
    let first = ends.consumer.pop()
    #expect(first == reading(0))
    #expect(ends.push([reading(8), reading(9)]) == 1)
    #expect(ends.drain() == (1...7).map(reading))
    #expect(ends.drain() == [reading(8)])
    let none = ends.consumer.pop()
    #expect(none == nil)
    #expect(ends.drain().isEmpty)
    #expect(ends.push((10..<18).map(reading)) == 8)
    #expect(ends.drain() == (10..<18).map(reading))
  }

  @Test func aBurstOverTheEdgeComesInTwoRunsInOrder() {
    let ends = Ends.make(minimum: 8)
    #expect(ends.push((0..<6).map(reading)) == 6)
    #expect(ends.drain().count == 6)
    #expect(ends.push((6..<12).map(reading)) == 6)
    var runs: [Int] = []
    var taken: [Reading] = []
    let count = ends.consumer.drain {
      runs.append($0.count)
      taken += $0
    }
    #expect(count == 6 && runs == [2, 4])
    #expect(taken == (6..<12).map(reading))
  }

  @Test func twoThreadsMoveTwoMillionReadingsInOrderNoneLostNoneDoubled() {
    let total: UInt64 = 2_000_000
    let ends = Ends.make(minimum: 1024)
    let producing = onThread {
      var generator = SplitMix(seed: 21)
      let burst = UnsafeMutableBufferPointer<Reading>.allocate(capacity: 64)
      var next: UInt64 = 0
      while next < total {
        let count = min(UInt64.random(in: 1...64, using: &generator), total - next)
        for place in 0..<count { burst[Int(place)] = reading(next + place) }
        var sent = 0
        while sent < Int(count) {
          sent += ends.producer.push(UnsafeBufferPointer(rebasing: burst[sent..<Int(count)]))
          if sent < Int(count) { sched_yield() }
        }
        next += count
      }
      burst.deallocate()
    }
    var expected: UInt64 = 0
    var wrong = 0
    while expected < total {
      var taken = ends.consumer.drain(limit: 100) { run in
        for reading in run {
          if number(reading) != expected { wrong += 1 }
          expected += 1
        }
      }
      if let reading = ends.consumer.pop() {
        if number(reading) != expected { wrong += 1 }
        expected += 1
        taken += 1
      }
      if taken == 0 { sched_yield() }
    }
    producing()
    let rest = ends.consumer.pop()
    #expect(wrong == 0 && rest == nil)
  }
}
