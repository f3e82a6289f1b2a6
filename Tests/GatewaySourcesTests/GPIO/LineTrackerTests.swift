import GatewayCore
import Testing

@testable import GatewaySources

@Suite struct LineTrackerTests {
  /// A tracker, and the room that its readings go to.
  private final class Line {
    var tracker: LineTracker
    let counter: PulseCounter?
    private var number: UInt64 = 0

    init(_ line: GPIOLine, isActive: Bool = false, totals: PulseTotals = PulseTotals()) {
      var config = GatewayConfig(
        id: "c", buses: [BusConfig(name: "io", link: .gpio(chip: "/dev/gpiochip0"))], devices: [],
        destinations: [])
      config.devices = [
        DeviceConfig(name: "d", bus: "io", points: [PointConfig(name: "p", place: .line(line))])
      ]
      let point = GPIOPlan(bus: "io", of: config).points[0]
      counter = line.mode == .pulse ? totals.counter("d.p") : nil
      tracker = LineTracker(point, counter: counter)
      tracker.begin(isActive: isActive, at: at(0))
    }

    /// The kernel's boot is 1 s longer than its monotonic time here, and 1970 began at boot.
    private func collect(_ now: MonotonicTime, _ body: (inout ReadingRoom) -> Void) -> [Reading] {
      withUnsafeTemporaryAllocation(of: Reading.self, capacity: 32) { room in
        let microseconds = now.nanoseconds / 1000
        let moment = Moment(
          time: Timestamp(microseconds: microseconds), boot: BootTime(microseconds: microseconds + 1_000_000))
        var output = ReadingRoom(
          room, clocks: ClockReading(monotonic: now, moment: moment), timeQuality: .synced)
        body(&output)
        return Array(room[..<output.count])
      }
    }

    /// Takes edges, as (milliseconds, level), at `now`.
    @discardableResult
    func take(
      _ edges: [(Int64, Bool)], at now: MonotonicTime, skipping lost: UInt64 = 0, mayHaveLost: Bool = false
    ) -> (readings: [Reading], alert: LineTracker.Alert?) {
      number += lost
      let events = edges.map { time, isRising in
        number += 1
        return LineEvent(at: at(time), isRising: isRising, number: number)
      }
      var alert: LineTracker.Alert?
      let readings = collect(now) { output in
        events.withUnsafeBufferPointer {
          alert = tracker.take($0, mayHaveLost: mayHaveLost, into: &output)
        }
      }
      return (readings, alert)
    }

    func settle(at now: MonotonicTime) -> [Reading] { collect(now) { tracker.settle(into: &$0) } }

    func look(at now: MonotonicTime, _ level: Bool) -> (readings: [Reading], reason: QualityReason) {
      var reason = QualityReason.none
      let readings = collect(now) { reason = tracker.look(at: level, isNewest: true, into: &$0) }
      return (readings, reason)
    }
  }

  private func values(_ readings: [Reading]) -> [Value?] { readings.map(\.value) }

  @Test func anEdgeIsAReadingWithTheKernelsTimeHoweverLateItIsRead() throws {
    let line = Line(GPIOLine(offset: 4, mode: .edge))
    let readings = line.take([(10, true), (30, false)], at: at(900)).readings
    #expect(values(readings) == [.unsigned(1), .unsigned(0)])
    #expect(readings.map(\.time.microseconds) == [10_000, 30_000])
    #expect(readings.map(\.boot.microseconds) == [1_010_000, 1_030_000])
    #expect(line.look(at: at(1000), false) == ([], .none), "and nothing is said while nothing happens")
  }

  @Test func onlyTheEdgesThatWereAskedForAreReadings() {
    let line = Line(GPIOLine(offset: 4, mode: .edge, edge: .falling, debounce: .milliseconds(5)))
    #expect(line.take([(10, true), (30, false), (31, true), (32, false)], at: at(33)).readings.isEmpty)
    #expect(line.tracker.deadline == at(37))
    let readings = line.settle(at: at(40))
    #expect(values(readings) == [.unsigned(0)])
    #expect(readings[0].time.microseconds == 32_000)
  }

  @Test func aLevelIsAReadingAtItsPeriodAndWhenItHasChanged() {
    let line = Line(GPIOLine(offset: 4, debounce: .milliseconds(50)))
    #expect(values(line.look(at: at(1000), false).readings) == [.unsigned(0)])
    #expect(line.take([(1010, true)], at: at(1011)).readings.isEmpty)
    #expect(values(line.look(at: at(1020), true).readings) == [.unsigned(0)], "it has not held yet")
    let change = line.settle(at: at(1061))
    #expect(values(change) == [.unsigned(1)])
    #expect(change[0].time.microseconds == 1_060_000)
    #expect(values(line.look(at: at(2000), true).readings) == [.unsigned(1)])
  }

  @Test func readingsNeverGoBackInTime() {
    let line = Line(GPIOLine(offset: 4))
    _ = line.look(at: at(100), false)
    // It came before the look and was read after it.
    let late = line.take([(99, true)], at: at(101)).readings
    #expect(late.map(\.time.microseconds) == [100_000])
    // Another clock's time, beyond now.
    #expect(line.take([(1_000_000, false)], at: at(102)).readings.map(\.time.microseconds) == [102_000])
  }

  @Test func pulsesAreCountedAndTheirTotalIsScaledExactly() throws {
    let scale = try #require(LinearScale(scale: "0.2", offset: "0"))
    let line = Line(GPIOLine(offset: 17, mode: .pulse, edge: .falling, scale: scale))
    for pulse in 0..<1000 { line.take([(Int64(pulse), false)], at: at(Int64(pulse))) }
    let (readings, reason) = line.look(at: at(1001), true)
    #expect(values(readings) == [.double(200)] && reason == .none && readings[0].quality == .good)
    line.take([(1002, false)], at: at(1002))
    #expect(values(line.look(at: at(1003), true).readings) == [.double(200.2)])
  }

  @Test func aBouncingPulseIsOneWhetherItBouncesWhenItComesOrWhenItGoes() {
    let line = Line(
      GPIOLine(offset: 17, mode: .pulse, edge: .falling, debounce: .milliseconds(5)), isActive: true)
    for start in stride(from: Int64(100), to: 10_100, by: 100) {
      let edges: [(Int64, Bool)] = [
        (0, false), (1, true), (2, false), (40, true), (41, false), (42, true), (44, false), (45, true),
      ]
      line.take(edges.map { (start + $0.0, $0.1) }, at: at(start + 50))
    }
    #expect(values(line.look(at: at(20_000), true).readings) == [.unsigned(100)])
  }

  @Test func aTotalIsUncertainUntilWhatEarlierRunsCountedIsKnown() {
    let totals = PulseTotals()
    totals.lackPast()
    let line = Line(GPIOLine(offset: 17, mode: .pulse), totals: totals)
    line.take([(1, true), (2, true)], at: at(3))
    let first = line.look(at: at(10), true).readings
    #expect(values(first) == [.unsigned(2)])
    #expect(first[0].quality == .uncertain && first[0].reason == .totalIncomplete)
    let point = PointDescription(name: "d.p", unit: nil, kind: .counter, window: .raw, functions: .standard)
    totals.takeUp(PipelineState(totals: [PipelineState.PulseTotal(point: point, pulses: 40)]))
    let next = line.look(at: at(20), true).readings
    #expect(values(next) == [.unsigned(42)] && next[0].quality == .good)
    #expect(totals.counter("d.other").isComplete)
  }

  @Test func lostEdgesShowOnceInTheNextReading() {
    let line = Line(GPIOLine(offset: 17, mode: .pulse))
    #expect(line.take([(1, true), (2, true)], at: at(3)).alert == nil)
    #expect(line.take([(4, true)], at: at(5), skipping: 7).alert == .loss)
    let first = line.look(at: at(10), true).readings
    #expect(values(first) == [.unsigned(3)])
    #expect(first[0].quality == .uncertain && first[0].reason == .edgesLost)
    #expect(line.look(at: at(20), true).readings[0].quality == .good)
    #expect(line.take([(30, true)], at: at(30), mayHaveLost: true).alert == .loss)
    #expect(line.look(at: at(40), true).readings[0].reason == .edgesLost)
  }

  @Test func aStormOfALevelIsBadReadingsUntilItIsOver() {
    let line = Line(GPIOLine(offset: 4))
    var alerts: [LineTracker.Alert] = []
    var readings: [Reading] = []
    for burst in 0..<30 {
      let time = Int64(1000 + burst)
      let taken = line.take((0..<16).map { (time, $0 % 2 == 0) }, at: at(time))
      readings += taken.readings
      if let alert = taken.alert { alerts.append(alert) }
    }
    #expect(alerts == [.storm])
    #expect(readings.last?.reason == .eventStorm, "and nothing behind it")
    #expect(line.tracker.silentUntil != nil)
    #expect(line.look(at: at(1040), true) == ([], .eventStorm))
    let after = line.look(at: at(1200), true)
    #expect(after.reason == .none && values(after.readings).last == .unsigned(1))
  }

  @Test func pulsesAreCountedThroughAStorm() {
    let line = Line(GPIOLine(offset: 17, mode: .pulse))
    for burst in 0..<200 { line.take((0..<16).map { _ in (1000, true) }, at: at(1000 + Int64(burst) / 10)) }
    let (readings, reason) = line.look(at: at(1100), true)
    #expect(values(readings) == [.unsigned(3200)] && reason == .none)
  }
}
