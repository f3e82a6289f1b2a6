import GatewayCore
import Testing

@testable import GatewayDaemon

@Suite struct LeftoversTests {
  private func open(_ name: String, sum: Double) -> PipelineState.OpenWindow {
    let point = PointDescription(
      name: name, unit: nil, kind: .gauge, window: .tumbling(seconds: 60), functions: .standard)
    var window = WindowAggregator.Accumulator(point: 9, start: Timestamp(microseconds: 0), isPartial: false)
    (window.count, window.sum) = (1, sum)
    return PipelineState.OpenWindow(point: point, window: WindowAggregator.Pane(window))
  }

  @Test func theCommitThatClosesWindowsOfGonePointsKeepsTheOthersOpen() throws {
    let windows = [open("d.gone", sum: 1), open("d.kept", sum: 2)]
    let rain = PointDescription(
      name: "io.rain", unit: nil, kind: .counter, window: .raw, functions: .standard)
    let totals = [PipelineState.PulseTotal(point: rain, pulses: 40)]
    var remainder = PipelineState(windows: windows, totals: totals)
    let next = Catalogue(points: [windows[1].point])
    let closing = remainder.closeLeftovers(of: next, at: Timestamp(microseconds: 1))
    let commit = try #require(closing)
    #expect(commit.rowCount == 1)
    #expect(remainder.windows == [windows[1]])
    // The power may go before the next commit.
    commit.setState(usesCheckpoint: commit.beginsPipeline)
    var replay = PipelineReplay()
    replay.apply(
      StoredCommit(
        firstSeq: 5, rowCount: 1, catalogueID: commit.catalogue.id, boot: BootID(high: 0, low: 0),
        payload: commit.payload.copyBytes(), stream: StreamID(bits: 1)), catalogue: commit.catalogue)
    #expect(replay.state.windows.map(\.point.name) == ["d.kept"])
    #expect(replay.state.windows.map(\.window.base.sum) == [2])
    #expect(replay.state.totals == totals)
    let again = remainder.closeLeftovers(of: next, at: Timestamp(microseconds: 1))
    #expect(again == nil)
  }

  /// Its successor is of another clock: it waits no longer.
  @Test func aReadingThatWaitedInAnotherBootIsARowOrInItsWindow() throws {
    let raw = PointDescription(name: "d.raw", unit: nil, kind: .gauge, window: .raw, functions: .standard)
    let lone = open("d.lone", sum: 0).point
    var state = PipelineState(windows: [open("d.kept", sum: 2)])
    state.boot = BootID(high: 1, low: 1)
    let moment = Moment(time: Timestamp(microseconds: 61_000_000), boot: BootTime(microseconds: 5))
    state.waiting = [raw, lone].map {
      PipelineState.WaitingReading(point: $0, reading: Reading(point: 7, at: moment, value: .double(4)))
    }
    let inside = Moment(time: Timestamp(microseconds: 59_000_000), boot: BootTime(microseconds: 3))
    state.waiting.append(
      PipelineState.WaitingReading(
        point: state.windows[0].point, reading: Reading(point: 7, at: inside, value: .double(4))))
    let next = Catalogue(points: [raw, lone, state.windows[0].point])
    let closing = state.closeLeftovers(
      of: next, at: Timestamp(microseconds: 1), boot: BootID(high: 2, low: 2))
    let commit = try #require(closing)
    #expect(state.waiting.isEmpty && commit.rowCount == 3 && commit.rowsBoot == BootID(high: 1, low: 1))
    var found: [String: Row.Body] = [:]
    commit.payload.copyBytes().withUnsafeBytes { bytes in
      var decoder = RowDecoder(bytes, rowCount: commit.rowCount)
      while let row = try? decoder.next() { found[commit.catalogue.points[Int(row.point)].name] = row.body }
    }
    #expect(found["d.raw"] == .reading(.double(4)))
    guard case .window(let alone) = found["d.lone"], case .window(let kept) = found["d.kept"] else {
      return #expect(Bool(false), "windows")
    }
    #expect(alone.count == 1 && alone.isPartial && alone.mean == 4)
    #expect(kept.count == 2 && kept.isPartial)
  }
}
