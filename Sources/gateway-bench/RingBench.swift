internal import CBenchRing
internal import GatewayCore
internal import GatewaySystem
internal import Glibc

/// Readings per second through the ring between two pinned threads, beside a plain C++ ring of the same element.
enum RingBench {
  private static let count: UInt64 = 40_000_000
  private static let capacity = 4096

  static func run() throws {
    Report.head(
      "ring: \(MemoryLayout<Reading>.size)-byte readings, \(capacity) slots, two pinned threads, median of 5")
    for (burst, goal) in [(32, "≥ 200 M/s"), (1, "≥ 40 M/s")] {
      var ours: [Double] = []
      var theirs: [Double] = []
      for _ in 0..<5 {
        theirs.append(Double(count) / Double(bench_ring_cxx(count, UInt64(burst), UInt64(capacity))) * 1000)
        ours.append(Double(count) / (try seconds { try move(burst: burst) }) / 1e6)
      }
      Report.line(
        "  bursts of \(burst)", value: median(ours), unit: "M/s", limit: median(theirs), limitName: "C++",
        goal: goal)
    }
  }

  private static func move(burst: Int) throws {
    let (writer, reader) = ReadingRing.make(minimum: capacity) { producer, consumer in
      (Writer(producer), Reader(consumer))
    }
    let writing = try WorkerThread(name: "writer") {
      _ = bench_pin(0)
      writer.write(count, burst: burst)
    }
    let reading = try WorkerThread(name: "reader") {
      _ = bench_pin(1)
      reader.read(count, oneByOne: burst == 1)
    }
    writing.join()
    reading.join()
    let each = UInt64(burst) * UInt64(burst + 1) / 2
    precondition(reader.sum == count / UInt64(burst) * each, "BUG: the ring lost a reading")
  }

  private final class Writer: @unchecked Sendable {
    private var end: ReadingRing.Producer?

    init(_ producer: consuming ReadingRing.Producer) { end = consume producer }

    /// A source has its poll's readings in an array of its own; the ring's work is to publish them.
    func write(_ count: UInt64, burst: Int) {
      let moment = Moment(time: Timestamp(microseconds: 1), boot: BootTime(microseconds: 2))
      let readings = (0..<burst).map { Reading(point: UInt32($0), at: moment, value: .unsigned(0)) }
      var producer = end.take()!
      if burst == 1 {
        for _ in 0..<count {
          while !producer.push(readings[0]) { sched_yield() }
        }
        return
      }
      readings.withUnsafeBufferPointer { readings in
        for _ in 0..<count / UInt64(burst) {
          var done = 0
          while done < readings.count {
            done += producer.push(UnsafeBufferPointer(rebasing: readings[done...]))
            if done < readings.count { sched_yield() }
          }
        }
      }
    }
  }

  private final class Reader: @unchecked Sendable {
    private var end: ReadingRing.Consumer?
    private(set) var sum: UInt64 = 0

    init(_ consumer: consuming ReadingRing.Consumer) { end = consume consumer }

    func read(_ count: UInt64, oneByOne: Bool) {
      var consumer = end.take()!
      var taken: UInt64 = 0
      var sum: UInt64 = 0
      while taken < count {
        if oneByOne {
          guard let reading = consumer.pop() else {
            sched_yield()
            continue
          }
          sum &+= UInt64(reading.point) &+ 1
          taken += 1
        } else {
          let drained = consumer.drain { for reading in $0 { sum &+= UInt64(reading.point) &+ 1 } }
          if drained == 0 { sched_yield() }
          taken += UInt64(drained)
        }
      }
      self.sum = sum
    }
  }
}
