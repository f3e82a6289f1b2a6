/// The configuration, checked: whatever is in here can be run. `ConfigCheck` is the only place that makes one
/// from a file; the names are the contract's.
package struct GatewayConfig: Equatable, Sendable {
  /// `[a-z0-9][a-z0-9-]{0,62}`, unique in the city.
  package var id: String
  package var location: Location?
  package var store: StoreConfig
  package var buses: [BusConfig]
  package var devices: [DeviceConfig]
  package var destinations: [DestinationConfig]

  package init(
    id: String, location: Location? = nil, store: StoreConfig = StoreConfig(), buses: [BusConfig],
    devices: [DeviceConfig], destinations: [DestinationConfig]
  ) {
    self.id = id
    self.location = location
    self.store = store
    self.buses = buses
    self.devices = devices
    self.destinations = destinations
  }

  /// Every point in the order of the file; a `PointIndex` is a place in this list.
  package var catalogue: [PointDescription] {
    devices.flatMap { device in
      device.points.map { point in
        PointDescription(
          name: "\(device.name).\(point.name)", unit: point.unit, kind: point.kind, window: point.window,
          functions: point.functions)
      }
    }
  }
}

extension GatewayConfig {
  /// Of the catalogue's points, in their order.
  package var treatments: [PointTreatment] { devices.flatMap { $0.points.map(\.treatment) } }
}

/// Degrees, WGS 84.
package struct Location: Equatable, Sendable {
  package var longitude: Double
  package var latitude: Double

  package init(longitude: Double, latitude: Double) {
    self.longitude = longitude
    self.latitude = latitude
  }
}

package struct StoreConfig: Equatable, Sendable {
  /// Bytes of the device that the store may use: 12 MiB … 1 TiB.
  package var capacity: Int
  /// Longest time between a reading and its fdatasync: 100 ms … 60 s.
  package var commit: Duration
  /// Rows older than this are dropped and counted; nil keeps them for as long as there is room.
  package var retain: Duration?
  /// What has to go when capacity runs out.
  package var evict: EvictionPolicy
  /// What the medium under the store stands; nil where nobody says.
  package var flash: FlashConfig?

  package init(
    capacity: Int = 256 << 20, commit: Duration = .seconds(1), retain: Duration? = nil,
    evict: EvictionPolicy = .oldest, flash: FlashConfig? = nil
  ) {
    self.capacity = capacity
    self.commit = commit
    self.retain = retain
    self.evict = evict
    self.flash = flash
  }
}

/// Which rows make room for new ones.
package enum EvictionPolicy: Sendable, CaseIterable {
  /// The oldest ones go.
  case oldest
  /// The oldest ones are summarised: the whole outage stays, the longer ago the coarser.
  case thin

  package var word: String {
    switch self {
    case .oldest: "oldest"
    case .thin: "thin"
    }
  }
}

/// The budget of writes of a flash medium, as its data sheet has it.
package struct FlashConfig: Equatable, Sendable {
  /// Bytes of the whole medium: 64 MB … 16 TB.
  package var capacity: Int
  /// Times that each cell may be programmed: 100 … 1,000,000.
  package var cycles: Int

  package init(capacity: Int, cycles: Int) {
    self.capacity = capacity
    self.cycles = cycles
  }
}

package struct BusConfig: Equatable, Sendable {
  package enum Link: Equatable, Sendable {
    case modbusTCP(host: String, port: UInt16)
    case modbusRTU(SerialLine)
    /// RTU frames over TCP: a serial server. `baud` is that of the line behind it, as far as it is known.
    case modbusRTUOverTCP(host: String, port: UInt16, baud: Int)
    /// A GPIO chip's device, `/dev/gpiochip0`.
    case gpio(chip: String)
    /// A serial line with devices that speak in frames of their own.
    case serial(SerialLine)

    /// The configuration's word for the type.
    package var word: String {
      switch self {
      case .modbusTCP: "modbus-tcp"
      case .modbusRTU: "modbus-rtu"
      case .modbusRTUOverTCP: "modbus-rtu-tcp"
      case .gpio: "gpio"
      case .serial: "serial"
      }
    }
  }

  package var name: String
  package var link: Link
  /// How long an answer may take: 10 ms … 60 s.
  package var timeout: Duration
  /// What a device of this bus takes between a request and its answer, for the plan: 0 … 1 s.
  package var turnaround: Duration

  package init(
    name: String, link: Link, timeout: Duration = .seconds(1), turnaround: Duration = .milliseconds(5)
  ) {
    self.name = name
    self.link = link
    self.timeout = timeout
    self.turnaround = turnaround
  }
}

package struct DeviceConfig: Equatable, Sendable {
  package var name: String
  /// The name of one of the buses.
  package var bus: String
  /// Modbus unit identifier, 0 … 255.
  package var unit: UInt8
  /// Most registers that the device gives in one answer: 1 … 125; of bits, sixteen times as many.
  package var maximumRegisters: Int
  /// Whether a read may go over registers that no point asked for, where that is cheaper.
  package var readsGaps: Bool
  /// How the device speaks; nil where the bus is not a serial one.
  package var frame: FrameConfig?
  package var points: [PointConfig]

  package init(
    name: String, bus: String, unit: UInt8 = 1, maximumRegisters: Int = 125, readsGaps: Bool = true,
    frame: FrameConfig? = nil, points: [PointConfig]
  ) {
    self.name = name
    self.bus = bus
    self.unit = unit
    self.maximumRegisters = maximumRegisters
    self.readsGaps = readsGaps
    self.frame = frame
    self.points = points
  }
}

/// Where a point's value comes from.
package enum PointPlace: Equatable, Sendable {
  case register(RegisterPlace)
  case line(GPIOLine)
  case field(FrameField)
  /// It is computed from other points.
  case formula(Formula)
}

/// Registers or bits of a Modbus device and what they mean.
package struct RegisterPlace: Equatable, Sendable {
  package var table: RegisterTable
  /// Zero-based protocol address of the first register or bit.
  package var address: UInt16
  package var layout: RegisterLayout

  package init(table: RegisterTable, address: UInt16, layout: RegisterLayout) {
    self.table = table
    self.address = address
    self.layout = layout
  }

  /// Registers (bits, in the bit tables) that the value takes.
  package var count: Int { table.isBits ? 1 : layout.type.registers }
}

package struct PointConfig: Equatable, Sendable {
  package var name: String
  package var place: PointPlace
  /// UN/CEFACT code.
  package var unit: String?
  package var kind: PointKind
  /// Polling period, 10 ms … 24 h.
  package var every: Duration
  package var window: Window
  package var functions: WindowFunctions
  package var treatment = PointTreatment()

  package init(
    name: String, place: PointPlace, unit: String? = nil, kind: PointKind = .gauge,
    every: Duration = .seconds(1), window: Window = .raw, functions: WindowFunctions = .standard
  ) {
    self.name = name
    self.place = place
    self.unit = unit
    self.kind = kind
    self.every = every
    self.window = window
    self.functions = functions
  }

  /// A point in a Modbus register.
  package init(
    name: String, table: RegisterTable, address: UInt16, layout: RegisterLayout, unit: String? = nil,
    kind: PointKind = .gauge, every: Duration = .seconds(1), window: Window = .raw,
    functions: WindowFunctions = .standard
  ) {
    self.init(
      name: name, place: .register(RegisterPlace(table: table, address: address, layout: layout)),
      unit: unit, kind: kind, every: every, window: window, functions: functions)
  }

  /// nil where the point is not in a register.
  package var register: RegisterPlace? {
    if case .register(let place) = place { place } else { nil }
  }

  /// nil where the point is not a GPIO line.
  package var line: GPIOLine? {
    if case .line(let line) = place { line } else { nil }
  }

  /// nil where the point is not computed.
  package var formula: Formula? {
    if case .formula(let formula) = place { formula } else { nil }
  }

  /// nil where the point is not in a frame.
  package var field: FrameField? {
    if case .field(let field) = place { field } else { nil }
  }
}

package struct DestinationConfig: Equatable, Sendable {
  package enum Acknowledgement: Equatable, Sendable {
    /// Any 2xx that is not HTML.
    case status
    /// A 2xx with a JSON body that repeats `stream`, `first` and `last`.
    case echo
  }

  /// Which end of a backlog goes first.
  package enum Backlog: Equatable, Sendable {
    case oldest
    case newest
  }

  package struct TLS: Equatable, Sendable {
    /// PEM files; nil means the system's bundle, and no client certificate.
    package var authorities: String?
    package var certificate: String?
    package var key: String?

    package init(authorities: String? = nil, certificate: String? = nil, key: String? = nil) {
      self.authorities = authorities
      self.certificate = certificate
      self.key = key
    }
  }

  package var name: String
  package var url: String
  package var format: Format
  package var authentication: Authentication
  package var acknowledgement: Acknowledgement
  package var usesGzip: Bool
  /// Rows in one batch, 1 … 100,000.
  package var maximumReadings: Int
  /// Bytes of one batch before compression, 4 KiB … 64 MiB.
  package var maximumBytes: Int
  /// How long a row may wait for others to fill its batch.
  package var linger: Duration
  /// For the whole exchange, from connect to the end of the answer.
  package var timeout: Duration
  package var retryInitial: Duration
  package var retryMaximum: Duration
  package var tls: TLS
  /// `http://host:port`: an HTTP proxy that CONNECT goes through; nil: none, whatever the environment says.
  package var proxy: String?
  /// What the proxy is shown: none, or basic.
  package var proxyAuthentication: Authentication
  /// Bits a second that a backlog may take beside the live rows, 8,000 … 1,000,000,000; nil: as many as there are.
  package var backfill: Int?
  package var backlog: Backlog

  package init(
    name: String, url: String, format: Format = .json, authentication: Authentication = .none,
    acknowledgement: Acknowledgement = .status, usesGzip: Bool = true, maximumReadings: Int = 1000,
    maximumBytes: Int = 512 << 10, linger: Duration = .seconds(1), timeout: Duration = .seconds(10),
    retryInitial: Duration = .seconds(1), retryMaximum: Duration = .seconds(300), tls: TLS = TLS(),
    proxy: String? = nil, proxyAuthentication: Authentication = .none, backfill: Int? = nil,
    backlog: Backlog = .oldest
  ) {
    self.name = name
    self.url = url
    self.format = format
    self.authentication = authentication
    self.acknowledgement = acknowledgement
    self.usesGzip = usesGzip
    self.maximumReadings = maximumReadings
    self.maximumBytes = maximumBytes
    self.linger = linger
    self.timeout = timeout
    self.retryInitial = retryInitial
    self.retryMaximum = retryMaximum
    self.tls = tls
    self.proxy = proxy
    self.proxyAuthentication = proxyAuthentication
    self.backfill = backfill
    self.backlog = backlog
  }
}
