import GatewayCore
import Testing

@Suite struct PulseTotalsTests {
  private func point(_ name: String, _ window: Window = .raw) -> PointDescription {
    PointDescription(name: name, unit: nil, kind: .counter, window: window, functions: .standard)
  }

  private func commit(_ payload: [UInt8], _ catalogue: Catalogue) -> StoredCommit {
    StoredCommit(
      firstSeq: 1, rowCount: 0, catalogueID: catalogue.id, boot: BootID(high: 0, low: 0), payload: payload,
      stream: StreamID(bits: 1))
  }

  private func checkpoint(_ totals: [(point: PointIndex, pulses: UInt64)]) -> [UInt8] {
    var buffer = ByteBuffer()
    let books = PipelineState.Books(acquired: 7, ringDropped: 1)
    PipelineStateEncoder.append(books: books, checkpoint: [], to: &buffer)
    PipelineStateEncoder.append(PipelineStateEncoder.Rest(totals: totals), books, to: &buffer)
    return buffer.copyBytes()
  }

  @Test func aCounterIsTheSameForEveryoneWhoNamesIt() {
    let totals = PulseTotals()
    totals.counter("io.rain").add(3)
    totals.counter("io.rain").add(4)
    #expect(totals.counter("io.rain").total == 7)
    #expect(totals.counter("io.other").total == 0)
  }

  @Test func totalsComeBackUnderTheirNamesWhateverTheCatalogueIsNow() {
    let catalogue = Catalogue(points: [point("a.x"), point("io.rain"), point("io.energy")])
    var replay = PipelineReplay()
    replay.apply(commit(checkpoint([(1, 41), (2, .max)]), catalogue), catalogue: catalogue)
    let totals = PulseTotals()
    totals.takeUp(replay.state)
    #expect(totals.counter("io.rain").total == 41 && totals.counter("io.energy").total == .max)
    #expect(totals.counter("a.x").total == 0)
  }

  @Test func theLastCommitCountsBeItACheckpointOrAJournal() {
    let catalogue = Catalogue(points: [point("io.rain"), point("a.w", .tumbling(seconds: 60))])
    var replay = PipelineReplay()
    replay.apply(commit(checkpoint([(0, 5)]), catalogue), catalogue: catalogue)
    var journal = RowEncoder()
    let moment = Moment(time: Timestamp(microseconds: 61_000_000), boot: BootTime(microseconds: 1))
    journal.append(Reading(point: 1, at: moment, value: .signed(3)))
    var buffer = ByteBuffer()
    PipelineStateEncoder.append(books: PipelineState.Books(), journal: journal, to: &buffer)
    PipelineStateEncoder.append(
      PipelineStateEncoder.Rest(totals: [(0, 9)]), PipelineState.Books(), to: &buffer)
    replay.apply(commit(buffer.copyBytes(), catalogue), catalogue: catalogue)
    #expect(replay.state.totals == [PipelineState.PulseTotal(point: catalogue.points[0], pulses: 9)])
    #expect(replay.state.windows.map(\.window.base.count) == [1])
  }

  /// What a version wrote that knew nothing of totals, byte by byte.
  @Test func aStateWithoutTotalsIsReadAsBefore() {
    let catalogue = Catalogue(points: [point("io.rain")])
    let old: [UInt8] = [1, 7, 1, 1, 0]
    var replay = PipelineReplay()
    replay.apply(commit(old, catalogue), catalogue: catalogue)
    #expect(replay.state.books == PipelineState.Books(acquired: 7, ringDropped: 1))
    #expect(replay.state.totals.isEmpty)
    #expect(checkpoint([]) == [2] + old.dropFirst() + [0])
    #expect(checkpoint([(0, 300)]) == [2] + old.dropFirst() + [1, 0, 0xAC, 0x02])
  }

  @Test func totalsThatCannotBeUnderstoodLeaveTheOnesBefore() {
    let catalogue = Catalogue(points: [point("io.rain"), point("io.energy")])
    let good = checkpoint([(0, 5), (1, 6)])
    for damage in [
      checkpoint([(0, 9), (2, 1)]), Array(good.dropLast()), checkpoint([(0, 9), (1, 1), (0, 1)]),
    ] {
      var replay = PipelineReplay()
      replay.apply(commit(good, catalogue), catalogue: catalogue)
      replay.apply(commit(damage, catalogue), catalogue: catalogue)
      #expect(replay.state.totals.map(\.pulses) == [5, 6])
    }
  }
}
