/// Everything that `gatewayctl status` shows, at one instant; `json` is the contract's `status --json`.
package struct StatusSnapshot: Equatable, Sendable {
  package enum State: String, Equatable, Sendable { case ok, warning, critical }

  package struct Bus: Equatable, Sendable {
    package var name: String
    package var type: String
    package var state: State
    package var requests: UInt64
    package var errors: UInt64
    package var lastError: String?
    /// The part of the last seconds in which the line was taken; nil where nobody says.
    package var utilisation: Double?
    /// What the polls ask of the line against what it allows; above 1 all periods become longer. nil where that
    /// is not known.
    package var planned: Double?

    package init(
      name: String, type: String, state: State, requests: UInt64, errors: UInt64, lastError: String?,
      utilisation: Double? = nil, planned: Double? = nil
    ) {
      self.name = name
      self.type = type
      self.state = state
      self.requests = requests
      self.errors = errors
      self.lastError = lastError
      self.utilisation = utilisation
      self.planned = planned
    }

    package var isOverloaded: Bool { planned ?? 0 > 1 }
  }

  /// When the clock was set, since the daemon started.
  package struct ClockChanges: Equatable, Sendable {
    package var steps: UInt64
    /// Seconds, negative for a step back; nil while there was none.
    package var lastStep: Double?
    /// By the new clock.
    package var lastStepAt: Timestamp?

    package init(steps: UInt64 = 0, lastStep: Double? = nil, lastStepAt: Timestamp? = nil) {
      self.steps = steps
      self.lastStep = lastStep
      self.lastStepAt = lastStepAt
    }
  }

  package struct Device: Equatable, Sendable {
    package var name: String
    /// ok, degraded, failed or starting.
    package var state: String

    package init(name: String, state: String) {
      self.name = name
      self.state = state
    }
  }

  package struct Point: Equatable, Sendable {
    package var name: String
    package var value: Value?
    package var unit: String?
    /// nil until the first reading.
    package var time: Timestamp?
    package var quality: Quality
    package var reason: QualityReason

    package init(
      name: String, value: Value?, unit: String?, time: Timestamp?, quality: Quality, reason: QualityReason
    ) {
      self.name = name
      self.value = value
      self.unit = unit
      self.time = time
      self.quality = quality
      self.reason = reason
    }
  }

  /// `stored = delivered + queued + evicted + quarantined` at every instant. With several destinations these
  /// are the books of the one that is furthest behind.
  package struct Accounting: Equatable, Sendable {
    package var acquired: UInt64 = 0
    package var ringDropped: UInt64 = 0
    /// Readings that `report` kept back.
    package var unchanged: UInt64 = 0
    /// Windows of fewer readings than `min-count`.
    package var suppressed: UInt64 = 0
    package var stored: UInt64 = 0
    package var delivered: UInt64 = 0
    package var queued: UInt64 = 0
    /// Rows that were never delivered and are gone: for room, by age, or by damage to the medium.
    package var evicted: UInt64 = 0
    /// The part of `evicted` that damage to the medium cost.
    package var damaged: UInt64 = 0
    /// The part of `evicted` that lives on in summaries, which are rows themselves.
    package var thinned: UInt64 = 0
    /// Rows in memory that wait for the disk; not among the stored ones yet.
    package var pending: UInt64 = 0
    package var quarantined: UInt64 = 0

    package init() {}
  }

  package struct Store: Equatable, Sendable {
    package var capacity: Int
    /// Bytes that undelivered rows occupy.
    package var used: Int
    /// The time of the oldest undelivered row's commit.
    package var oldest: Timestamp?
    package var commits: UInt64
    package var bytesWritten: UInt64
    /// Why the store cannot write at present; nil when it can.
    package var fault: String?
    /// Slots of the store's file that the medium refused to write or to read: rows go to others.
    package var slotsSetAside: Int

    package init(
      capacity: Int, used: Int, oldest: Timestamp?, commits: UInt64, bytesWritten: UInt64, fault: String?,
      slotsSetAside: Int = 0
    ) {
      self.capacity = capacity
      self.used = used
      self.oldest = oldest
      self.commits = commits
      self.bytesWritten = bytesWritten
      self.fault = fault
      self.slotsSetAside = slotsSetAside
    }
  }

  package struct Destination: Equatable, Sendable {
    package var name: String
    package var state: State
    package var stored: UInt64
    package var delivered: UInt64
    package var queued: UInt64
    package var evicted: UInt64
    package var quarantined: UInt64
    package var lastSuccess: Timestamp?
    package var lastError: String?
    /// Seconds until the next attempt; nil when none is being waited for.
    package var retryIn: Double?
    /// When the first certificate ends: the platform's, as it was last shown, or ours; nil where there is none.
    package var certificateExpires: Timestamp?
    /// A sentence about that while it is less than 30 days away.
    package var certificateNotice: String?

    package init(
      name: String, state: State, stored: UInt64, delivered: UInt64, queued: UInt64, evicted: UInt64,
      quarantined: UInt64, lastSuccess: Timestamp?, lastError: String?, retryIn: Double?,
      certificateExpires: Timestamp? = nil, certificateNotice: String? = nil
    ) {
      self.name = name
      self.state = state
      self.stored = stored
      self.delivered = delivered
      self.queued = queued
      self.evicted = evicted
      self.quarantined = quarantined
      self.lastSuccess = lastSuccess
      self.lastError = lastError
      self.retryIn = retryIn
      self.certificateExpires = certificateExpires
      self.certificateNotice = certificateNotice
    }
  }

  package var id: String
  package var version: String
  package var state: State
  /// One sentence for each thing that keeps `state` from being ok.
  package var reasons: [String]
  /// Seconds.
  package var uptime: Double
  package var pid: Int32
  package var clockIsSynchronized: Bool
  package var clockChanges = ClockChanges()
  /// The instant that ages are counted from.
  package var now: Timestamp
  package var buses: [Bus]
  package var devices: [Device]
  package var points: [Point]
  package var accounting: Accounting
  package var store: Store
  package var destinations: [Destination]
  package var alarms: [AlarmReport]

  package init(
    id: String, version: String, state: State, reasons: [String], uptime: Double, pid: Int32,
    clockIsSynchronized: Bool, now: Timestamp, buses: [Bus], devices: [Device], points: [Point],
    accounting: Accounting, store: Store, destinations: [Destination], alarms: [AlarmReport] = []
  ) {
    self.id = id
    self.version = version
    self.state = state
    self.reasons = reasons
    self.uptime = uptime
    self.pid = pid
    self.clockIsSynchronized = clockIsSynchronized
    self.now = now
    self.buses = buses
    self.devices = devices
    self.points = points
    self.accounting = accounting
    self.store = store
    self.destinations = destinations
    self.alarms = alarms
  }
}
