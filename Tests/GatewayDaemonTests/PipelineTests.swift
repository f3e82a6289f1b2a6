import GatewayCore
import GatewaySystem
import Glibc
import Synchronization
import Testing

@testable import GatewayDaemon

/// The pipeline's thread with real rings; the test plays the sources and the writer.
@Suite struct PipelineTests {
  private final class Source: @unchecked Sendable {
    var producer: ReadingRing.Producer
    let meter: BusMeter

    init(_ producer: consuming ReadingRing.Producer, _ meter: BusMeter) {
      self.producer = producer
      self.meter = meter
    }

    func push(_ reading: Reading) {
      if !producer.push(reading) { meter.ringDropped.wrappingAdd(1, ordering: .relaxed) }
    }
  }

  private struct Bench {
    let pipeline: Pipeline
    let queue: CommitQueue
    let sources: [Source]
    let catalogue: Catalogue
  }

  private func point(_ name: String, _ window: Window) -> PointDescription {
    PointDescription(name: name, unit: nil, kind: .gauge, window: window, functions: .standard)
  }

  private func start(
    _ points: [PointDescription], rings: Int = 1, ringSize: Int = 1024,
    state: PipelineState = PipelineState(),
    pulses: [Pipeline.PulsePoint] = []
  ) throws -> Bench {
    let wake = try EventSignal()
    let queue = try CommitQueue(drained: wake)
    let catalogue = Catalogue(points: points)
    let pipeline = Pipeline(catalogue: catalogue, wake: wake, heartbeat: Heartbeat(name: "pipeline"))
    var sources: [Source] = []
    var ports: [SourcePort] = []
    for _ in 0..<rings {
      let meter = BusMeter()
      let ends = ReadingRing.make(minimum: ringSize) { producer, consumer in
        (Source(producer, meter), SourcePort(consumer: consumer, meter: meter))
      }
      sources.append(ends.0)
      ports.append(ends.1)
    }
    try pipeline.start(
      Pipeline.Setup(
        catalogue: catalogue, commitInterval: .milliseconds(20), state: state, pulses: pulses),
      ports: ports, queue: queue)
    return Bench(pipeline: pipeline, queue: queue, sources: sources, catalogue: catalogue)
  }

  private func takeAll(_ queue: CommitQueue) -> [PendingCommit] {
    var commits: [PendingCommit] = []
    while let commit = queue.first(timeout: .zero) {
      commits.append(commit)
      queue.removeFirst()
    }
    return commits
  }

  private func rows(_ commits: [PendingCommit]) throws -> [Row] {
    var rows: [Row] = []
    for commit in commits {
      try commit.payload.withBytes { bytes in
        var decoder = RowDecoder(bytes, rowCount: commit.rowCount)
        while let row = try decoder.next() { rows.append(row) }
      }
    }
    return rows
  }

  @Test func everyReadingOfEverySourceBecomesARowInOrderWithoutAHole() throws {
    let bench = try start([point("a.x", .raw), point("b.y", .raw)], rings: 2)
    for number in 0..<20_000 {
      for (index, source) in bench.sources.enumerated() {
        let reading = Reading(point: PointIndex(index), at: SystemClock.moment, value: .signed(Int64(number)))
        while !source.producer.push(reading) { bench.pipeline.wake.raise() }
      }
    }
    let rest = try #require(bench.pipeline.finish())
    let commits = takeAll(bench.queue)
    let all = try rows(commits)
    for point in 0..<2 {
      let values = all.filter { $0.point == PointIndex(point) }.map(\.body)
      #expect(values == (0..<20_000).map { .reading(.signed(Int64($0))) })
    }
    #expect(rest.books == PipelineState.Books(acquired: 40_000, ringDropped: 0))
  }

  @Test func aTotalIsCommittedThoughNoReadingCameAndNothingIsWhileItStands() throws {
    let counter = PulseCounter()
    let description = point("io.rain", .raw)
    counter.add(5)
    // One pulse came before the pipeline's first look: it is not stored yet either.
    counter.add(1)
    let bench = try start(
      [description],
      state: PipelineState(totals: [PipelineState.PulseTotal(point: description, pulses: 5)]),
      pulses: [Pipeline.PulsePoint(point: 0, counter: counter)])
    let commit = try #require(bench.queue.first(timeout: .seconds(20)))
    bench.queue.removeFirst()
    #expect(commit.rowCount == 0)
    #expect(replayed(commit).totals.map(\.pulses) == [6])
    let next = bench.queue.first(timeout: .milliseconds(200))
    #expect(next == nil, "nothing was counted since")
    counter.add(1)
    let rest = try #require(bench.pipeline.finish())
    #expect(rest.totals.map(\.pulses) == [7])
    #expect(takeAll(bench.queue).map { replayed($0).totals.map(\.pulses) }.last == [7])
  }

  private func replayed(_ commit: PendingCommit) -> PipelineState {
    var replay = PipelineReplay()
    for usesCheckpoint in [true, false] {
      commit.setState(usesCheckpoint: usesCheckpoint)
      replay.apply(
        StoredCommit(
          firstSeq: 1, rowCount: commit.rowCount, catalogueID: commit.catalogue.id,
          boot: BootID(high: 0, low: 0), payload: commit.payload.copyBytes(), stream: StreamID(bits: 1)),
        catalogue: commit.catalogue)
    }
    return replay.state
  }

  @Test func aStalledDiskLosesOnlyWhatTheRingsRefuseAndCountsIt() throws {
    let bench = try start([point("a.x", .raw)], ringSize: 64)
    // Each commit costs memory until the queue is full; nobody empties it here.
    var pushed: UInt64 = 0
    while !bench.queue.isFull {
      for _ in 0..<64 {
        bench.sources[0].push(
          Reading(point: 0, at: SystemClock.moment, value: .double(Double(pushed) * 1.000_000_1)))
        pushed += 1
      }
      bench.pipeline.wake.raise()
    }
    for _ in 0..<1000 {
      bench.sources[0].push(Reading(point: 0, at: SystemClock.moment, value: .signed(0)))
      pushed += 1
    }
    #expect(bench.sources[0].meter.ringDropped.load(ordering: .relaxed) >= 1000 - 64)
    let rest = try #require(bench.pipeline.finish())
    let stored = takeAll(bench.queue).reduce(0) { $0 + $1.rowCount }
    #expect(rest.books.acquired == pushed)
    #expect(UInt64(stored) + rest.books.ringDropped == pushed)
  }

  /// A commit that fills the queue, as a disk that stalls would.
  private func fill(_ queue: CommitQueue) {
    let catalogue = Catalogue(points: [])
    var payload = ByteBuffer()
    payload.append(zeros: 8 << 20)
    queue.push(
      PendingCommit(
        payload: payload, journal: ByteBuffer(), checkpoint: ByteBuffer(), rowCount: 0,
        catalogue: catalogue, time: SystemClock.time, beginsPipeline: false))
  }

  /// Two commits wait: what is read meanwhile goes into one, so that few synchronisations catch up.
  @Test func aSlowDiskGetsMoreInEachCommit() throws {
    let bench = try start([point("d.a", .raw)])
    for number in 0..<6 {
      bench.sources[0].push(Reading(point: 0, at: SystemClock.moment, value: .signed(Int64(number))))
      // Several of the commits' intervals.
      usleep(120_000)
    }
    let rest = try #require(bench.pipeline.finish())
    #expect(rest.books.acquired == 6)
    let commits = takeAll(bench.queue)
    #expect(commits.count <= 3 && commits.reduce(0) { $0 + $1.rowCount } == 6)
  }

  @Test func aDiskThatStallsForDaysTakesNoMoreMemory() throws {
    let bench = try start([point("a.x", .tumbling(seconds: 60))], ringSize: 64)
    fill(bench.queue)
    let bytes = bench.queue.bytes
    // Readings are refused in each of many commit intervals, so the books change all the time.
    for _ in 0..<20 {
      for _ in 0..<100 { bench.sources[0].push(Reading(point: 0, at: SystemClock.moment, value: .signed(1))) }
      usleep(10_000)
    }
    #expect(bench.queue.bytes == bytes)
    let rest = try #require(bench.pipeline.finish())
    #expect(rest.books.acquired == 2000 && rest.books.ringDropped >= 2000 - 64)
  }

  @Test func aWindowWaitsForItsReadingsThatAStalledDiskKeepsInTheRing() throws {
    let bench = try start([point("a.x", .tumbling(seconds: 1))])
    let now = SystemClock.moment
    let start = Timestamp(microseconds: now.time.microseconds / 1_000_000 * 1_000_000 - 1_000_000)
    let reading = Reading(point: 0, at: Moment(time: start, boot: now.boot), value: .signed(1))
    bench.sources[0].push(reading)
    while bench.pipeline.currentBooks.acquired == 0 { usleep(1000) }
    fill(bench.queue)
    bench.sources[0].push(reading)
    while SystemClock.time < start.advanced(by: .milliseconds(3300)) { usleep(10_000) }
    bench.queue.removeFirst()
    var commits = takeAll(bench.queue)
    _ = bench.pipeline.finish()
    commits += takeAll(bench.queue)
    let counts = try rows(commits).map { row -> UInt64 in
      if case .window(let summary) = row.body { return summary.count }
      return 0
    }
    #expect(counts == [2])
  }

  @Test func whatWaitsInFullRingsAtTheEndIsHandedOverInPiecesThatTheStoreTakes() throws {
    let bench = try start([point("a.x", .tumbling(seconds: 86_400))], ringSize: 1 << 17)
    fill(bench.queue)
    for number in 0..<1 << 17 {
      bench.sources[0].push(
        Reading(point: 0, at: SystemClock.moment, value: .double(Double(number).squareRoot())))
    }
    _ = bench.pipeline.finish()
    bench.queue.removeFirst()
    let commits = takeAll(bench.queue)
    #expect(commits.allSatisfy { $0.bytes < 1 << 20 })
  }

  /// 4 MiB slots take commits of 1,396,664 bytes (`DurableStore.maximumPayload`).
  @Test func theMostWindowsFitOneCommitWithTheRowsOfThoseThatClose() throws {
    let points = (0..<10_000).map { point("d.\($0)", .tumbling(seconds: 1)) }
    let bench = try start(points, ringSize: 1 << 15)
    let now = SystemClock.moment
    for second in 0..<4 {
      for place in points.indices {
        let time = now.time.advanced(by: .microseconds(Int64(second) * 1_000_000 + Int64(place)))
        let value = Value.double(Double.random(in: 1...2))
        let reading = Reading(point: PointIndex(place), at: Moment(time: time, boot: now.boot), value: value)
        while !bench.sources[0].producer.push(reading) { usleep(100) }
      }
    }
    _ = bench.pipeline.finish()
    let commits = takeAll(bench.queue)
    #expect(commits.allSatisfy { $0.rowBytes + max($0.journal.count, $0.checkpoint.count) <= 1_396_664 })
  }

  @Test func openWindowsAreInEveryCommitAndSurviveTheEnd() throws {
    let bench = try start([point("a.x", .tumbling(seconds: 86_400))])
    for number in 1...10 {
      bench.sources[0].push(Reading(point: 0, at: SystemClock.moment, value: .signed(Int64(number))))
    }
    let rest = try #require(bench.pipeline.finish())
    let commits = takeAll(bench.queue)
    #expect(try rows(commits).isEmpty)
    for usesCheckpoint in [true, false] {
      var replay = PipelineReplay()
      for commit in commits {
        commit.setState(usesCheckpoint: usesCheckpoint)
        replay.apply(
          StoredCommit(
            firstSeq: 1, rowCount: commit.rowCount, catalogueID: commit.catalogue.id,
            boot: BootID(high: 0, low: 0), payload: commit.payload.copyBytes(),
            stream: StreamID(bits: 1)), catalogue: commit.catalogue)
      }
      #expect(replay.state.books.acquired == 10)
      #expect(replay.state.windows.map(\.window.base.count) == [10])
      #expect(replay.state.windows.map(\.window.base.sum) == [55])
    }
    #expect(rest.windows.map(\.window.base.count) == [10])
  }

  @Test func nothingIsCommittedWhenNothingWasRead() throws {
    let bench = try start([point("a.x", .raw)])
    let deadline = SystemClock.boot.advanced(by: .milliseconds(100))
    while SystemClock.boot < deadline { bench.pipeline.wake.raise() }
    _ = bench.pipeline.finish()
    #expect(takeAll(bench.queue).isEmpty)
  }

  @Test func aSecondPipelineGoesOnWhereTheFirstEnded() throws {
    let points = [point("a.x", .tumbling(seconds: 86_400))]
    let first = try start(points)
    first.sources[0].push(Reading(point: 0, at: SystemClock.moment, value: .signed(1)))
    let rest = try #require(first.pipeline.finish())
    let second = try start(points, state: rest)
    second.sources[0].push(Reading(point: 0, at: SystemClock.moment, value: .signed(2)))
    let end = try #require(second.pipeline.finish())
    #expect(end.books.acquired == 2)
    #expect(end.windows.map(\.window.base.count) == [2])
    #expect(end.windows.map(\.window.base.isPartial) == [true])
  }
}

@Suite struct DaemonOptionsTests {
  @Test func systemdsDirectoriesAreTheDefaults() {
    let environment = ["STATE_DIRECTORY": "/s", "RUNTIME_DIRECTORY": "/r", "CREDENTIALS_DIRECTORY": "/c"]
    let options = DaemonOptions { environment[$0] }
    #expect(options.stateDirectory == "/s")
    #expect(options.socketPath == "/r/control.sock")
    #expect(options.credentialsDirectory == "/c")
    let bare = DaemonOptions { _ in nil }
    #expect(bare.stateDirectory == "/var/lib/gateway")
    #expect(bare.socketPath == "/run/gateway/control.sock")
  }

  @Test func unknownOptionsAndMissingValuesAreRefused() throws {
    var options = DaemonOptions { _ in nil }
    #expect(throws: DaemonOptions.UsageError.self) { try options.parse(["--confg", "x"]) }
    #expect(throws: DaemonOptions.UsageError.self) { try options.parse(["--state"]) }
    try options.parse(["--config", "c", "--state", "s", "--socket", "k", "--check"])
    #expect(options.configPath == "c" && options.stateDirectory == "s" && options.socketPath == "k")
    #expect(options.checksOnly)
  }
}
