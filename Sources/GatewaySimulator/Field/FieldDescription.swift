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

/// One TCP port with the Modbus devices behind it.
package struct FieldServer: Equatable, Sendable {
  package var listen: ListenAddress
  package var devices: [FieldDevice]

  package init(listen: ListenAddress = ListenAddress(), devices: [FieldDevice]) {
    self.listen = listen
    self.devices = devices
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

  package init(
    units: [UInt8]? = nil, registers: [FieldRegister], delay: Duration = .zero, refusesGaps: Bool = false
  ) {
    self.units = units
    self.registers = registers
    self.delay = delay
    self.refusesGaps = refusesGaps
  }
}

/// Some neighbouring registers or bits and what stands in them.
package struct FieldRegister: Equatable, Sendable {
  package enum Content: Equatable, Sendable {
    /// Raw words (in a bit table: 0 or 1), one for each address.
    case words([UInt16])
    /// `(value - offset) / scale` in the wire format of `layout`; in a bit table 1 from one half upwards.
    case value(Waveform, layout: RegisterLayout)
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

  /// How many addresses it takes.
  package var count: Int {
    switch content {
    case .words(let words): words.count
    case .value(_, let layout): table.isBits ? 1 : layout.type.registers
    }
  }
}
