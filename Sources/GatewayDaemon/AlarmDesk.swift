internal import GatewayCore
internal import GatewaySystem

/// Where the pipeline's readings meet the alarms: what is raised or cleared goes to the lane within the turn; while the
/// lane's disk is behind, it gathers here, so that an alarm which flaps makes few commits. Owned by the pipeline's thread.
struct AlarmDesk: ~Copyable {
  /// Rows are handed over early when they reach this, so that a commit has room for the state of all alarms.
  private static let commitBytes = 16 << 10

  private let lane: AlarmLane
  private var roll: AlarmRoll
  private var hasCommitted = false
  /// The state has to be committed though no row says so.
  private var isOwed = false
  /// Rows that were gathered when the lane was shown the alarms last.
  private var shownRows = 0
  /// How often the disk had come back by the last commit: it lacks what went to memory meanwhile.
  private var returns: Int

  init(
    _ lane: AlarmLane, _ alarms: [ConfiguredAlarm], raised: [RaisedAlarm], before: [AlarmReport]
  ) {
    self.lane = lane
    returns = lane.stores.returns
    roll = AlarmRoll(alarms, raised: raised, before: before, at: SystemClock.boot)
  }

  @inline(__always)
  mutating func take(_ reading: borrowing Reading) {
    roll.take(reading)
    if roll.rows.bytes.count >= Self.commitBytes { commit(at: SystemClock.time) }
  }

  /// Once in a turn, behind its readings. `isDrained`: none waits to be taken, so that silence is silence.
  mutating func turn(at now: Moment, isDrained: Bool) {
    if isDrained { roll.tick(at: now, lane.timeQuality(of: now)) }
    if let late = lane.past.takeUp() {
      roll.takeUp(late)
      isOwed = true
    }
    let returns = lane.stores.returns
    if returns != self.returns { isOwed = true }
    self.returns = returns
    guard isOwed || roll.rows.rowCount > 0 else { return }
    if !lane.queue.isBehind {
      commit(at: now.time)
    } else if roll.rows.rowCount > shownRows {
      shownRows = roll.rows.rowCount
      lane.show(roll.reports, roll.raised)
    }
  }

  /// The last turn: hands over what is gathered, however far the disk is behind.
  mutating func finish(at now: Moment) {
    turn(at: now, isDrained: true)
    if isOwed || roll.rows.rowCount > 0 { commit(at: now.time) }
  }

  private mutating func commit(at time: Timestamp) {
    let (count, raised) = (roll.rows.rowCount, roll.raised)
    lane.queue.push(
      PendingCommit(
        payload: roll.takeRows(), raised: raised, rowCount: count, catalogue: roll.catalogue, time: time,
        beginsPipeline: !hasCommitted, knowsPast: lane.past.isKnown))
    (hasCommitted, isOwed, shownRows) = (true, false, 0)
    lane.show(roll.reports, raised)
  }
}

extension PendingCommit {
  /// Of the lane of alarms, whose state has one form.
  convenience init(
    payload: consuming ByteBuffer, raised: [RaisedAlarm], rowCount: Int, catalogue: Catalogue,
    time: Timestamp, beginsPipeline: Bool, knowsPast: Bool
  ) {
    var journal = ByteBuffer(capacity: 64)
    AlarmStateCodec.append(raised, of: catalogue, to: &journal)
    var checkpoint = ByteBuffer(capacity: 64)
    AlarmStateCodec.append(raised, of: catalogue, to: &checkpoint)
    self.init(
      payload: payload, journal: journal, checkpoint: checkpoint, rowCount: rowCount, catalogue: catalogue,
      time: time, beginsPipeline: beginsPipeline, knowsPast: knowsPast)
  }
}
