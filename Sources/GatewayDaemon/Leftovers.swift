internal import GatewayCore
internal import GatewayStore

extension PipelineState {
  /// What the disk's newest segments say of the run before.
  init(takenFrom store: DurableStore) {
    var replay = PipelineReplay()
    var boot: BootID?
    store.replayNewest { commit, catalogue in
      replay.apply(commit, catalogue: catalogue)
      boot = commit.boot
    }
    self = replay.state
    self.boot = boot
  }

  /// Closes the windows that a configuration cannot go on with, because it does not have their points any more
  /// or has them with another window or unit: under the names that they were measured with. Windows of another boot than
  /// `boot` are all closed: readings of two boots may have times of two clocks, and only one can be made right. Returns
  /// the commit
  /// that stores their rows, to be queued before the pipeline goes on from what is left here; nil when there
  /// are none. Its state holds the windows that stay open, and the
  /// totals: a power cut may come before the next commit.
  mutating func closeLeftovers(
    of catalogue: Catalogue, at time: Timestamp, boot: BootID? = nil, knowsPast: Bool = true
  ) -> PendingCommit? {
    let points = boot == nil || self.boot == nil || self.boot == boot ? catalogue.points : []
    var probe = WindowAggregator(points: points, startedAt: time)
    let leftovers = Set(restore(into: &probe, points: points).map(\.point.name))
    let lone = waiting.filter { one in !points.contains { one.point.goesOn(as: $0) } }
    guard !leftovers.isEmpty || !lone.isEmpty else { return nil }
    // What each section of the state speaks of, one behind the other.
    let before = Catalogue(
      points: windows.map(\.point) + totals.map(\.point) + counters.map(\.point) + waiting.map(\.point))
    var rows = RowEncoder()
    finish(lone, &rows)
    var open: [WindowAggregator.Pane] = []
    for (place, window) in windows.enumerated() {
      if leftovers.contains(window.point.name) {
        // Of a private one it would be less than was promised to be one.
        if !window.staysInMemory, let row = window.closingRow(point: PointIndex(place)) { rows.append(row) }
      } else if !window.staysInMemory {
        open.append(window.window)
        open[open.count - 1].base.point = PointIndex(place)
      }
    }
    var checkpoint = ByteBuffer(capacity: 64 + open.count * PipelineStateEncoder.bytesPerWindow)
    PipelineStateEncoder.append(books: books, checkpoint: open, to: &checkpoint)
    PipelineStateEncoder.append(rest(without: lone), books, to: &checkpoint)
    waiting.removeAll { lone.contains($0) }
    let count = rows.rowCount
    windows.removeAll { leftovers.contains($0.point.name) }
    return PendingCommit(
      payload: rows.takeBytes(reserving: 64), journal: ByteBuffer(capacity: 64), checkpoint: checkpoint,
      rowCount: count, catalogue: before, time: time, beginsPipeline: true,
      knowsPast: knowsPast, rowsBoot: self.boot)
  }

  /// Readings that wait no longer: their successor is of another clock, or nobody's. Each goes into its window, which may
  /// be its own, or is a row.
  private mutating func finish(_ lone: [WaitingReading], _ rows: inout RowEncoder) {
    for (place, one) in waiting.enumerated() where lone.contains(one) && !one.staysInMemory {
      let start =
        one.point.window == .raw ? nil : WindowAggregator.start(of: one.reading, in: one.point.window)
      let window = windows.firstIndex {
        $0.point.name == one.point.name && $0.window.role == .open && $0.window.base.start == start
      }
      if let window {
        windows[window].window.base.add(one.reading)
      } else {
        var reading = one.reading
        reading.point = PointIndex(windows.count + totals.count + counters.count + place)
        rows.append(WindowAggregator.row(of: reading, one.point))
      }
    }
  }

  /// What stands behind the windows, by the places of `closeLeftovers`.
  private func rest(without lone: [WaitingReading]) -> PipelineStateEncoder.Rest {
    var place = windows.count
    func next() -> PointIndex {
      place += 1
      return PointIndex(place - 1)
    }
    var rest = PipelineStateEncoder.Rest(totals: totals.map { (point: next(), pulses: $0.pulses) })
    // Places are given to all of them, and used for those that may be stored.
    rest.counters = counters.compactMap { total in
      var counter = total.counter
      counter.resume(inSameBoot: total.boot == Gateway.boot)
      let point = next()
      return total.staysInMemory ? nil : (point: point, counter: counter)
    }
    rest.waiting = waiting.compactMap {
      var reading = $0.reading
      reading.point = next()
      return $0.staysInMemory || lone.contains($0) ? nil : reading
    }
    return rest
  }
}

extension PointDescription {
  /// Whether what was begun of this point goes on under `other`.
  fileprivate func goesOn(as other: PointDescription) -> Bool {
    name == other.name && unit == other.unit && window == other.window
  }
}
