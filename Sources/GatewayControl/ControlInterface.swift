// What the control socket offers, in Varlink's words.

package enum ControlInterface {
  package static let name = "org.citygateway"
  package static let defaultPath = "/run/gateway/control.sock"

  /// The interface definition (varlink.org, "Interface Definition"), as `GetInterfaceDescription` gives it.
  package static let description = """
    # A street-cabinet gateway: what it measures, stores and delivers.
    interface org.citygateway

    # state: ok, warning or critical
    type Gateway (
      id: string,
      version: string,
      state: string,
      reasons: []string,
      uptime: float,
      pid: int
    )

    # steps: how often the clock was set since the daemon started; lastStep: by how many seconds the last time
    type Clock (
      synchronized: bool,
      now: string,
      steps: int,
      lastStep: ?float,
      lastStepAt: ?string
    )

    # utilisation: the part of the last ten seconds in which the line was taken, 0 to 1;
    # planned: what the polls ask of the line, above 1 all periods become longer
    type Bus (
      name: string,
      type: string,
      state: string,
      requests: int,
      errors: int,
      lastError: ?string,
      utilisation: ?float,
      planned: ?float
    )

    # state: raised or cleared; since: when it became so; value: what did it; raised: how often in this run
    type Alarm (
      name: string,
      point: string,
      state: string,
      since: ?string,
      value: ?float,
      unit: ?string,
      raised: int
    )

    # location: it is told where the cabinet stands
    type FlowDestination (name: string, address: string, format: string, location: bool)

    # kind: readings, changes, windows or alarm; attribute: what the platform calls it, where that is not the point's
    # name; window, slide: seconds, 0 without one; aggregateOnly: single readings never leave the memory
    type Flow (
      destination: string,
      point: string,
      unit: ?string,
      kind: string,
      attribute: ?string,
      window: int,
      slide: int,
      functions: []string,
      minCount: int,
      aggregateOnly: bool,
      alarm: ?string
    )

    # capacity: bytes; retain: seconds; evict: oldest or thin
    type Kept (capacity: int, retain: ?float, evict: string)

    # state: starting, ok, degraded or failed
    type Device (name: string, state: string)

    # unit is a UN/CEFACT code; quality: good, uncertain or bad
    type Point (
      name: string,
      value: ?float,
      unit: ?string,
      time: ?string,
      quality: string,
      reason: ?string
    )

    type Reading (
      point: string,
      value: ?float,
      unit: ?string,
      time: ?string,
      quality: string,
      reason: ?string
    )

    # unchanged: readings that "report" kept back; suppressed: windows of fewer readings than "min-count";
    # stored = delivered + queued + evicted + quarantined; damaged and thinned (lives on in summaries) are parts of evicted
    type Accounting (
      acquired: int,
      ringDropped: int,
      stored: int,
      delivered: int,
      queued: int,
      evicted: int,
      quarantined: int,
      damaged: int,
      thinned: int,
      unchanged: int,
      suppressed: int
    )

    # value: of a window its mean; cause: what the platform says; retried: it is queued again
    type QuarantinedRow (
      destination: string,
      stream: string,
      seq: int,
      point: string,
      time: string,
      value: ?float,
      unit: ?string,
      quality: string,
      cause: string,
      retried: bool
    )

    type StoreUsage (
      capacity: int,
      used: int,
      oldest: ?string,
      commits: int,
      bytesWritten: int,
      fault: ?string,
      slotsSetAside: int
    )

    type Destination (
      name: string,
      state: string,
      delivered: int,
      queued: int,
      quarantined: int,
      lastSuccess: ?string,
      lastError: ?string,
      stored: int,
      evicted: int,
      retryIn: ?float,
      certificateExpires: ?string,
      certificateNotice: ?string
    )

    # The store of alarms: bytes, and undelivered rows
    type AlarmStore (capacity: int, used: int, queued: int, oldest: ?string)

    # kind: timeout, disconnected, checksum, foreign-unit, wrong-function, wrong-length,
    # wrong-transaction, late, exception, noise, overflow or busy
    type ErrorCount (kind: string, count: int)

    # Answers that took up to so many microseconds, and longer than the bucket before; null: longer than all
    type ResponseBucket (upTo: ?int, count: int)

    # start: the first bytes in hexadecimal; length: how many there were
    type BadFrame (time: string, kind: string, length: int, start: string)

    # holder: who holds the line, as the kernel knows it; level: whether it is active, where that can be read
    # without disturbing the holder; value: the last reading of the gateway's point on it
    type Line (
      offset: int,
      name: ?string,
      held: bool,
      holder: ?string,
      output: bool,
      activeLow: bool,
      level: ?bool,
      point: ?string,
      value: ?float
    )

    # identity: what the unit says of itself, maker and product first; tables: those it answers for when it
    # says nothing; garbled: something came that is no answer, as when two units have one number
    type Unit (
      unit: int,
      identity: []string,
      tables: []string,
      exception: ?int,
      garbled: bool,
      device: ?string
    )

    # Slots of the store's file: free ones hold nothing that somebody needs; to failed ones a write failed
    type Segments (slotBytes: int, total: int, used: int, free: int, failed: int)

    type Run (first: int, last: int)

    # runs: the rows that this destination lacks
    type Backlog (name: string, queued: int, oldest: ?string, runs: []Run)

    # Bytes a day; null: not measured for long enough. measured: seconds. written: all that goes to the medium;
    # rows: what is stored; growth: by how much the undelivered rows grow
    type Rate (measured: float, writtenPerDay: ?float, rowsPerDay: ?float, growthPerDay: ?float)

    # when: unknown, never or after
    type Forecast (when: string, seconds: ?float)

    # capacity and cycles as configured; years: of life at the present rate; usedTenths: tenths of its life that the
    # eMMC says are used, 11 for more than all; preEndOfLife: 1 normal, 2 warning, 3 urgent
    type Flash (
      capacity: ?int,
      cycles: ?int,
      writeAmplification: float,
      years: ?float,
      device: ?string,
      usedTenths: ?int,
      preEndOfLife: ?int,
      commitInterval: float
    )

    # line: POST and the URL; secrets are masked, and the body is not compressed
    type Request (line: string, headers: []string, body: string)

    # Rows of one stream
    type StreamRun (stream: string, first: int, last: int)

    method Status() -> (
      gateway: Gateway,
      clock: Clock,
      buses: []Bus,
      devices: []Device,
      points: []Point,
      accounting: Accounting,
      store: StoreUsage,
      destinations: []Destination,
      alarms: []Alarm
    )

    # Each alarm of the configuration.
    method Alarms() -> (alarms: []Alarm)

    # Each point with its last reading.
    method Sensors() -> (points: []Point)

    # The last reading of each point, then, when called with more, each new one. A name is a point's or a
    # device's; none means all. A client that reads too slowly gets the newest readings, not all.
    method Watch(points: ?[]string) -> (readings: []Reading)

    # Reads the configuration again. Only for root, the daemon's user and the socket's group.
    method Reload() -> ()

    # Delivers now what waits for a retry. Only for root, the daemon's user and the socket's group.
    method Flush() -> (queued: int)

    # What there is to know of the store. A destination without a name stands for none that is configured.
    method Store() -> (
      capacity: int,
      used: int,
      oldest: ?string,
      now: string,
      commits: int,
      bytesWritten: int,
      fault: ?string,
      segments: Segments,
      destinations: []Backlog,
      rate: Rate,
      full: Forecast,
      fullWithoutDelivery: Forecast,
      flash: Flash,
      alarms: ?AlarmStore
    )

    # Every attribute that leaves the cabinet, and how long it is kept there.
    method Flows() -> (gateway: string, destinations: []FlowDestination, flows: []Flow, kept: Kept)

    # The rows that a destination lacks, without a name those that any lacks. To be called with more: a reply for
    # each batch, whose text is what would be posted, and a last one without continues. lost: rows that the medium
    # did not give back. Only for root, the daemon's user and the socket's group.
    method Export(destination: ?string) -> (
      batch: ?string,
      stream: ?string,
      first: ?int,
      last: ?int,
      lost: ?int
    )

    # Settles rows as delivered, without a name at every destination. refused: rows that are not stored under this
    # stream. Only for root, the daemon's user and the socket's group.
    method MarkDelivered(destination: ?string, runs: []StreamRun) -> (marked: int, refused: int)

    # Makes a destination's platform (format sensorthings) ready for every point: what is missing is created, what is
    # there is found, and the ids are kept. Only for root, the daemon's user and the socket's group.
    method Provision(destination: string) -> (created: int, datastreams: int)

    # The rows that platforms refuse for ever; destination and seqs narrow it.
    method Quarantine(destination: ?string, seqs: ?[]int) -> (rows: []QuarantinedRow)

    # Queues such rows again, or forgets them; they stay counted as quarantined then. problems: a sentence for each row
    # that stayed as it was. Only for root, the daemon's user and the socket's group.
    method RetryQuarantined(destination: ?string, seqs: ?[]int) -> (rows: int, problems: []string)
    method DropQuarantined(destination: ?string, seqs: ?[]int) -> (rows: int, problems: []string)

    # Some rows as a destination would be sent them, in its format; nothing is sent. source: pending, the oldest that
    # it lacks; stored, the newest, when it lacks none; present, what the points say, when none is stored; nothing. A
    # name is a point's or a device's; none means all. Only for root, the daemon's user and the socket's group.
    method Preview(destination: string, points: ?[]string) -> (source: string, requests: []Request)

    # What there is to know of one bus. The oldest bad frame comes first.
    method DescribeBus(name: string) -> (
      bus: Bus,
      errorKinds: []ErrorCount,
      responses: []ResponseBucket,
      badFrames: []BadFrame
    )

    # The lines of a GPIO chip: its path, the last part of it, or the name of a bus.
    method DescribeChip(chip: string) -> (path: string, lines: []Line)

    # Reads from a device when the bus's polls leave time for it. table: coil, discrete, input or holding. Either
    # words, bits, or why there are none: a Modbus exception with its reason, or a reason with its cause.
    # Puts traffic on the bus: only for root, the daemon's user and the socket's group.
    method Read(bus: string, unit: int, table: string, address: int, count: int) -> (
      unit: int,
      words: ?[]int,
      bits: ?[]bool,
      exception: ?int,
      reason: ?string,
      cause: ?string
    )

    # Asks each unit (1 to 247) whether it is there, when the bus's polls leave time for it. To be called with
    # more: a reply for each that answers, one each second, and a last one without continues. trouble: the last
    # failure that is more than silence.
    # Puts traffic on the bus: only for root, the daemon's user and the socket's group.
    method Scan(bus: string, from: ?int, to: ?int) -> (
      asked: int,
      total: int,
      answering: int,
      found: ?Unit,
      trouble: ?string
    )

    # No bus has this name; these there are.
    error UnknownBus (bus: string, known: []string)

    # No point or device has this name; these points there are.
    error UnknownPoint (point: string, known: []string)

    # No destination has this name; these there are.
    error UnknownDestination (destination: string, known: []string)

    # The rows are marked as delivered in memory, but not on the medium, for this reason.
    error MarkFailed (cause: string)

    # The platform is not ready, for this reason. What was created is found the next time.
    error ProvisionFailed (cause: string)

    # Another export goes on.
    error ExportOccupied (cause: string)

    # Too many questions wait for this bus.
    error BusOccupied (bus: string)

    # No chip goes by this name; these there are.
    error UnknownChip (chip: string, known: []string)

    # The chip cannot be looked at.
    error ChipFailed (chip: string, cause: string)
    # Scan: the bus cannot be asked at all.
    error BusFailed (cause: string)

    # The configuration has mistakes; the running one stays.
    error ConfigInvalid (problems: []string)

    # No more clients are served at once; the connection is closed.
    error TooManyClients (limit: int)

    """
}
