package import GatewayCore
package import GatewaySystem

/// A bus as its thread sees it: requests with periods and a way to carry one out, and perhaps a descriptor on
/// which readings come unasked. All members but `interruption` belong to the thread that runs the source;
/// `SourceRunner` is that thread.
package protocol Source: AnyObject {
  /// One for each request: whatever is done again and again, be it a read of registers, a look at a line's level
  /// or at how long a talker has been silent. A request is named by its place here.
  var periods: [Duration] { get }

  /// Most readings that one `poll` or one `receive` makes.
  var largestPoll: Int { get }

  /// Readings that a second brings when all goes well; the ring holds at least so many.
  var readingsPerSecond: Double { get }

  /// How other threads cut a blocking `poll` short.
  var interruption: Interruption { get }

  /// Carries out a request and writes one reading for each of its points to the start of `room`, which has
  /// room for `largestPoll`; a request that fails writes failed readings, one that was interrupted none.
  /// Blocks for at most the bus's timeout, once for the connection and once for the answer. `now` may be as
  /// old as the poll before took.
  func poll(_ request: Int, at now: BootTime, into room: UnsafeMutableBufferPointer<Reading>) -> Poll

  /// Readable while `receive` has something to do; nil while nothing comes unasked. Looked at before each rest.
  var descriptor: Int32? { get }

  /// Takes what came on `descriptor`, without blocking; called again while it is readable.
  func receive(into room: UnsafeMutableBufferPointer<Reading>) -> Poll

  /// The thread ends, and asks nothing more of the source.
  func end()

  /// By how much all periods have to be longer, because the bus cannot keep them: 1 or more.
  var stretch: Double { get }

  /// How long `answer` takes at most, given all the time that the bus's timeout allows.
  func time(for inquiry: BusInquiry) -> Duration

  /// Asks the bus what a technician wants to know. `free`: the time until the next poll; nil while there is none.
  func answer(_ inquiry: BusInquiry, within free: Duration?) -> BusFinding
}

extension Source {
  package var descriptor: Int32? { nil }
  package var stretch: Double { 1 }
  package func end() {}

  package func time(for inquiry: BusInquiry) -> Duration { .zero }

  package func answer(_ inquiry: BusInquiry, within free: Duration?) -> BusFinding {
    .failed(.illegalFunction, cause: "this bus has no registers")
  }

  package func receive(into room: UnsafeMutableBufferPointer<Reading>) -> Poll {
    preconditionFailure("BUG: a source without a descriptor received")
  }
}

/// What a source is made from; one for each bus.
package struct SourceSetup: Sendable {
  package var bus: BusConfig
  package var config: GatewayConfig
  package var meter: BusMeter
  /// Those of the bus's devices, in the order of the configuration.
  package var deviceMeters: [DeviceMeter]
  /// Where the pulse points count.
  package var totals: PulseTotals
  /// Where GPIO lines wait from one configuration to the next.
  package var parking: GPIOParking
  /// Of a moment that is not long past.
  package var timeQuality: @Sendable (Moment) -> TimeQuality

  package init(
    bus: BusConfig, config: GatewayConfig, meter: BusMeter, deviceMeters: [DeviceMeter],
    totals: PulseTotals = PulseTotals(), parking: GPIOParking = GPIOParking(),
    timeQuality: @escaping @Sendable (Moment) -> TimeQuality
  ) {
    self.bus = bus
    self.config = config
    self.meter = meter
    self.deviceMeters = deviceMeters
    self.totals = totals
    self.parking = parking
    self.timeQuality = timeQuality
  }

  /// Opens no port yet.
  package func makeSource() throws(SystemError) -> any Source {
    switch bus.link {
    case .modbusTCP, .modbusRTU, .modbusRTUOverTCP: try ModbusSource(self)
    case .gpio: try GPIOSource(self)
    case .serial: try SerialSource(self)
    }
  }
}

/// What a poll made.
package struct Poll: BitwiseCopyable, Sendable {
  /// Readings written.
  package var count: Int
  /// When the answer was there, or the failure certain; the time of each of the readings.
  package var moment: Moment

  package init(count: Int, moment: Moment) {
    self.count = count
    self.moment = moment
  }
}
