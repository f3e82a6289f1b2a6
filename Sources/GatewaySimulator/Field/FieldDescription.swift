package import GatewayCore

/// What a simulated field consists of; from a YAML file (`FieldDescription.init(yaml:)`) or from code.
package struct FieldDescription: Equatable, Sendable {
  package var servers: [FieldServer]
  /// The same seed gives the same values at the same time after the start.
  package var seed: UInt64

  package init(servers: [FieldServer], seed: UInt64 = 1) {
    self.servers = servers
    self.seed = seed
  }
}

/// One port with what is behind it: Modbus devices, or a plain serial device that talks and answers.
package struct FieldServer: Equatable, Sendable {
  package enum Port: Equatable, Sendable {
    /// Modbus TCP.
    case tcp(ListenAddress)
    /// Modbus RTU frames over TCP, as a serial server passes them on.
    case rtuOverTCP(ListenAddress)
    /// A serial port of this machine, reached through this link; Modbus RTU, or what the device says.
    case terminal(link: String)
  }

  package var port: Port
  /// nil: bytes take no time.
  package var pace: LinePace?
  package var devices: [FieldDevice]
  /// Without devices only: a port is Modbus or it is not.
  package var talks: [FieldTalk]
  package var replies: [FieldReply]

  package init(
    _ port: Port, pace: LinePace? = nil, devices: [FieldDevice] = [], talks: [FieldTalk] = [],
    replies: [FieldReply] = []
  ) {
    self.port = port
    self.pace = pace
    self.devices = devices
    self.talks = talks
    self.replies = replies
  }

  package init(listen: ListenAddress = ListenAddress(), devices: [FieldDevice]) {
    self.init(.tcp(listen), devices: devices)
  }

  /// nil on a pty.
  package var listen: ListenAddress? {
    switch port {
    case .tcp(let address), .rtuOverTCP(let address): address
    case .terminal: nil
    }
  }

  var isPlain: Bool { !talks.isEmpty || !replies.isEmpty }

  var framing: Framing {
    if isPlain { return .plain }
    if case .tcp = port { return .tcp }
    return .rtu
  }
}

/// What a plain serial device says by itself.
package struct FieldTalk: Equatable, Sendable {
  package var every: Duration
  package var message: FieldMessage

  package init(every: Duration, _ message: FieldMessage) {
    self.every = every
    self.message = message
  }
}

/// What a plain serial device says when it is asked.
package struct FieldReply: Equatable, Sendable {
  /// The question's bytes, its end included.
  package var question: [UInt8]
  package var message: FieldMessage
  package var delay: Duration

  package init(to question: [UInt8], _ message: FieldMessage, delay: Duration = .zero) {
    self.question = question
    self.message = message
    self.delay = delay
  }
}

/// What answers under one or several unit identifiers; these share their registers.
package struct FieldDevice: Equatable, Sendable {
  /// nil: every unit that no other device of the server has.
  package var units: [UInt8]?
  package var registers: [FieldRegister]
  /// How long each answer takes.
  package var delay: Duration
  /// Whether an address between defined ones answers exception 2; otherwise it reads as 0.
  package var refusesGaps: Bool
  /// Maker, product and version, which function 43/14 tells; three texts at most. Without any it is refused.
  package var identity: [String]

  package init(
    units: [UInt8]? = nil, registers: [FieldRegister], delay: Duration = .zero, refusesGaps: Bool = false,
    identity: [String] = []
  ) {
    self.units = units
    self.registers = registers
    self.delay = delay
    self.refusesGaps = refusesGaps
    self.identity = identity
  }
}

/// Some neighbouring registers or bits and what stands in them.
package struct FieldRegister: Equatable, Sendable {
  package enum Content: Equatable, Sendable {
    /// Raw words (in a bit table: 0 or 1), one for each address.
    case words([UInt16])
    /// `(value - offset) / scale` in the wire format of `layout`; in a bit table 1 from one half upwards.
    case value(Waveform, layout: RegisterLayout)
    /// How many requests have reached the device, this one included: uint32, the high word first. A stale answer shows.
    case requests
  }

  package var table: RegisterTable
  package var address: UInt16
  package var content: Content

  package init(_ table: RegisterTable, _ address: UInt16, words: [UInt16]) {
    self.table = table
    self.address = address
    content = .words(words)
  }

  package init(
    _ table: RegisterTable, _ address: UInt16, _ wave: Waveform,
    layout: RegisterLayout = RegisterLayout(type: .uint16)
  ) {
    self.table = table
    self.address = address
    content = .value(wave, layout: layout)
  }

  package init(_ table: RegisterTable, requestsAt address: UInt16) {
    self.table = table
    self.address = address
    content = .requests
  }

  /// How many addresses it takes.
  package var count: Int {
    switch content {
    case .words(let words): words.count
    case .value(_, let layout): table.isBits ? 1 : layout.type.registers
    case .requests: 2
    }
  }
}
