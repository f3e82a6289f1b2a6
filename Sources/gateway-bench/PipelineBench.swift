internal import GatewayCore
internal import GatewaySystem

/// Readings per second through decode + stage + encode on one core, beside the same readings merely copied.
enum PipelineBench {
  private static let pointCount = 2000
  private static let rounds = 1500

  /// What the points of one pass are asked for.
  private struct Work {
    var name: String
    var window = Window.raw
    var functions = WindowFunctions.standard
    var treatment = PointTreatment()
  }

  private static let everything = WindowFunctions.words.reduce(into: WindowFunctions()) {
    $0.formUnion($1.function)
  }

  private static let works: [Work] = [
    Work(name: "raw"), Work(name: "60 s windows", window: .tumbling(seconds: 60)),
    Work(
      name: "all tests, all statistics but percentiles", window: .tumbling(seconds: 60),
      functions: everything.subtracting(.percentiles), treatment: fullTreatment),
    Work(
      name: "the same with percentiles", window: .tumbling(seconds: 60), functions: everything,
      treatment: fullTreatment),
  ]

  private static var fullTreatment: PointTreatment {
    var treatment = PointTreatment()
    let span = QualityTests.Span(least: -1e12, most: 1e12)
    treatment.tests.range = .init(suspect: span, bad: span)
    treatment.tests.rate = 1e12
    treatment.tests.spike = .init(suspect: 1e11, bad: 1e12)
    treatment.tests.flat = .init(
      tolerance: 0.5, times: .init(suspect: 1_800_000_000, bad: 7_200_000_000))
    treatment.tests.attenuation = .init(
      usesRange: false, limits: .init(suspect: 1e-9, bad: 1e-12), period: 43_200_000_000)
    treatment.counter = CounterConfig(modulus: 1e12, maximumRate: 1e12)
    return treatment
  }

  static func run() throws {
    Report.head("pipeline: \(pointCount) points, one core, median of 5")
    for work in works {
      var rates: [Double] = []
      var limits: [Double] = []
      var bytes = 0
      for _ in 0..<5 {
        var pass = Pass(pointCount: pointCount, work)
        let total = Double(pointCount * rounds)
        rates.append(total / (seconds { for round in 0..<rounds { bytes = pass.turn(Int64(round)) } }) / 1e6)
        limits.append(total / (seconds { for round in 0..<rounds { pass.copy(Int64(round)) } }) / 1e6)
      }
      Report.line(
        "  decode + stage + encode, \(work.name)", value: median(rates), unit: "M readings/s",
        limit: median(limits),
        limitName: "copied", goal: "≥ 3 M/s")
      Report.line(
        "  bytes per reading in the commit", value: Double(bytes) / Double(pointCount), unit: "bytes")
    }
    Report.line(
      "state of a point that has everything but percentiles", value: Double(PointStage.stateSize),
      unit: "bytes",
      goal: "≤ 1024")
    measureMean()
  }

  /// The mean of 1e9 values around 1e12: how far it is off, relative.
  private static func measureMean() {
    let points = [
      PointDescription(
        name: "d.p", unit: nil, kind: .gauge, window: .tumbling(seconds: 86_400), functions: .mean)
    ]
    var aggregator = WindowAggregator(points: points, startedAt: Timestamp(microseconds: 0))
    let moment = Moment(time: Timestamp(microseconds: 1), boot: BootTime(microseconds: 1))
    var mean = 0.0
    // Whole numbers from 1e12 - 500 to 1e12 + 499, a million times: their mean is 1e12 - 0.5.
    let time = seconds {
      for number in 0..<1_000_000_000 {
        let value = Value.double(1e12 + Double(number % 1000) - 500)
        aggregator.add(Reading(point: 0, at: moment, value: value)) { _ in }
      }
      aggregator.closeDue(at: Timestamp(microseconds: 86_403_000_000)) { row in
        if case .window(let summary) = row.body { mean = summary.mean }
      }
    }
    let text = "\((mean - (1e12 - 0.5)).magnitude / 1e12)"
    printOut(
      "mean of 1e9 values around 1e12: off by \(text), relative (goal 1e-12; \(Int(1e3 / time)) M/s)" + "\n")
  }

  private struct Pass: ~Copyable {
    private let layouts: [RegisterLayout]
    private var words: [UInt16]
    private var stage: PointStage
    private var room: [Reading]
    private var copied: [Reading]

    init(pointCount: Int, _ work: Work) {
      let points = (0..<pointCount).map {
        PointDescription(
          name: "device.p\($0)", unit: "CEL", kind: .gauge, window: work.window, functions: work.functions)
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
      stage = PointStage(
        points: points, treatments: Array(repeating: work.treatment, count: pointCount),
        startedAt: Timestamp(microseconds: 0), boot: BootID(high: 0, low: 0))
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
      // Each moves a little.
      for point in 0..<layouts.count { words[point * 2] &+= UInt16(truncatingIfNeeded: point & 3) }
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
      room.withUnsafeBufferPointer { stage.take($0) }
      stage.forgetJudged()
      let bytes = stage.rows.bytes.count + stage.journal.bytes.count
      stage.forgetRows()
      return bytes
    }

    mutating func copy(_ round: Int64) {
      for point in 0..<room.count {
        copied[point] = room[point]
        copied[point].time.microseconds += round
      }
    }
  }
}
