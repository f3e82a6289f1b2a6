// What a start takes up of windows that were open.
extension WindowAggregator {
  /// What is to be stored of the open windows, in the order of their points; nothing of those that are private.
  package var openPanes: [Pane] { panes { !$0.staysInMemory } }

  /// The same for who goes on in this process, with all of them.
  package var allPanes: [Pane] { panes { _ in true } }

  private func panes(where isWanted: (PointTreatment) -> Bool) -> [Pane] {
    open.indices.flatMap { place -> [Pane] in
      let plan = plans[place]
      guard isWanted(plan.treatment) else { return [] }
      let before = plan.closed >= 0 ? closed[plan.closed].map { $0.playing(.closed) } : []
      let carried = plan.extras >= 0 ? extras[plan.extras] : nil
      if let base = open[place] {
        let sketch = plan.sketch >= 0 ? sketches[plan.sketch] : nil
        return before + [Pane(base, extras: carried, sketch: sketch)]
      }
      guard let carried, carried.hasPrevious || carried.isHeld else { return before }
      let nothing = Accumulator(point: PointIndex(place), start: Timestamp(microseconds: 0), isPartial: false)
      return before + [Pane(nothing, extras: carried).playing(.idle)]
    }
  }

  /// Takes back a pane of an earlier run; what it lacks since then makes it partial. `goesOn`: nothing is lacking, the
  /// readings that came next follow.
  package mutating func restore(_ pane: Pane, goesOn: Bool = false) {
    let place = Int(pane.base.point)
    let plan = plans[place]
    guard plan.length > 0, pane.base.start.microseconds % plan.length == 0,
      pane.base.start.microseconds.magnitude < 1 << 62, pane.base.offset.magnitude < 1 << 61
    else { return }
    if pane.role == .closed {
      if plan.closed >= 0 { closed[plan.closed].append(pane) }
      return
    }
    if plan.extras >= 0 {
      extras[plan.extras] = pane.extras ?? Extras()
      // How long the last value held nobody knows, and the boot may be another.
      if !goesOn { (extras[plan.extras].isHeld, extras[plan.extras].front) = (false, .min / 2) }
    }
    guard pane.role == .open else { return }
    open[place] = pane.base
    if !goesOn { open[place]!.isPartial = true }
    if plan.sketch >= 0 { sketches[plan.sketch] = pane.sketch ?? QuantileSketch() }
    earliestEnd = Swift.min(earliestEnd, pane.base.start.microseconds + plan.length)
  }

  /// A counter stood at `value` when its last reading was taken, at `time`.
  package mutating func goOn(_ point: PointIndex, from value: Double, at time: Timestamp) {
    let place = plans[Int(point)].extras
    guard place >= 0 else { return }
    (extras[place].previous, extras[place].previousTime) = (value, time.microseconds)
    extras[place].hasPrevious = true
  }

  /// Closes the window of which `row` is already stored (while restoring).
  package mutating func close(storedAs row: Row) {
    let place = Int(row.point)
    guard place < open.count, let accumulator = open[place],
      accumulator.start.microseconds + plans[place].length == row.time.microseconds
    else { return }
    // A step back may have begun the same window anew in one commit. (That of a sliding one has more than its last pane.)
    if plans[place].closed < 0, case .window(let summary) = row.body,
      summary.count != accumulator.count || summary.bad != accumulator.bad
    {
      return
    }
    close(place) { _ in }
  }
}

extension WindowAggregator.Pane {
  fileprivate func playing(_ role: WindowAggregator.Role) -> Self {
    var pane = self
    pane.role = role
    return pane
  }

  /// Adds the pane behind this one.
  mutating func add(_ later: Self) {
    base.add(later.base)
    if let more = later.extras { extras?.add(more) }
    if let more = later.sketch { sketch?.add(more) }
  }
}
