internal import GatewayCore
internal import GatewaySystem

/// Readings per second through decode + window + encode on one core, beside the same readings merely copied.
enum PipelineBench {
  private static let pointCount = 2000
  private static let rounds = 1500

  static func run() throws {
    Report.head("pipeline: \(pointCount) points, one core, median of 5")
    for (name, window) in [("raw", Window.raw), ("60 s windows", .tumbling(seconds: 60))] {
      var rates: [Double] = []
      var limits: [Double] = []
      var bytes = 0
      for _ in 0..<5 {
        var pass = Pass(pointCount: pointCount, window: window)
        let total = Double(pointCount * rounds)
        rates.append(total / (seconds { for round in 0..<rounds { bytes = pass.turn(Int64(round)) } }) / 1e6)
        limits.append(total / (seconds { for round in 0..<rounds { pass.copy(Int64(round)) } }) / 1e6)
      }
      Report.line(
        "  decode + window + encode, \(name)", value: median(rates), unit: "M readings/s",
        limit: median(limits),
        limitName: "copied", goal: "≥ 3 M/s")
      Report.line(
        "  bytes per reading in the commit", value: Double(bytes) / Double(pointCount), unit: "bytes")
    }
  }

  private struct Pass: ~Copyable {
    private let layouts: [RegisterLayout]
    private var words: [UInt16]
    private var aggregator: WindowAggregator
    private var rows = RowEncoder()
    private var journal = RowEncoder()
    private var room: [Reading]
    private var copied: [Reading]

    init(pointCount: Int, window: Window) {
      let points = (0..<pointCount).map {
        PointDescription(
          name: "device.p\($0)", unit: "CEL", kind: .gauge, window: window, functions: .standard)
      }
      // What cabinets hold: scaled 16-bit numbers, floats, and a 32-bit counter among four.
      layouts = (0..<pointCount).map { index in
        switch index % 4 {
        case 0, 1:
          RegisterLayout(
            type: .int16, scale: LinearScale(scale: 0.1, offset: 0, denominator: 10, numerator: 1, addend: 0))
        case 2: RegisterLayout(type: .float32, order: ByteOrder(wordsReversed: true, bytesSwapped: false))
        default: RegisterLayout(type: .uint32)
        }
      }
      words = (0..<pointCount * 2).map { UInt16(truncatingIfNeeded: 16_000 + $0 * 7) }
      aggregator = WindowAggregator(points: points, startedAt: Timestamp(microseconds: 0))
      let moment = Moment(time: Timestamp(microseconds: 0), boot: BootTime(microseconds: 0))
      room = Array(repeating: Reading(point: 0, at: moment, value: nil), count: pointCount)
      copied = room
    }

    private func moment(_ round: Int64, _ point: Int) -> Moment {
      // Polls of twenty points share a moment.
      let micros = 1_700_000_000_000_000 + round * 1_000_000 + Int64(point / 20) * 400
      return Moment(time: Timestamp(microseconds: micros), boot: BootTime(microseconds: micros - 5))
    }

    /// Returns the bytes of the commit.
    mutating func turn(_ round: Int64) -> Int {
      words[Int(round) % words.count] &+= 1
      words.withUnsafeBufferPointer { words in
        for point in 0..<layouts.count {
          guard
            case .value(let value) = RegisterDecoder.decode(layouts[point], words.baseAddress! + point * 2)
          else {
            continue
          }
          room[point] = Reading(point: PointIndex(point), at: moment(round, point), value: value)
        }
      }
      rows.removeAll()
      journal.removeAll()
      for reading in room {
        if aggregator.isWindowed(reading.point) {
          journal.append(reading)
          aggregator.add(reading) { rows.append($0) }
        } else {
          rows.append(reading)
        }
      }
      return rows.bytes.count + journal.bytes.count
    }

    mutating func copy(_ round: Int64) {
      for point in 0..<room.count {
        copied[point] = room[point]
        copied[point].time.microseconds += round
      }
    }
  }
}
