internal import GatewayCore
internal import GatewaySystem

/// One port of the field and what is behind it: a TCP port with many clients, or a serial port with one. It can go away
/// and come back.
final class FieldPort {
  let framing: Framing
  let pace: LinePace?
  /// Exactly one of these is there.
  private var listener: ListeningPort?
  private var terminal: PseudoTerminal?
  let address: ListenAddress?
  private let images: [DeviceImage]
  /// For each unit the place of its device in `images`; -1: nobody.
  private var imageOfUnit = [Int8](repeating: -1, count: 256)
  var speaker: FieldSpeaker?
  private(set) var isAway = false
  /// nil while away without a limit, and while there.
  private(set) var awayUntil: BootTime?
  private var babblesUntil: BootTime?
  var stats = FieldStats.Server()

  init(_ server: FieldServer, seed: UInt64, start: BootTime) throws(SystemError) {
    precondition(server.devices.count <= 127, "BUG: a server of more than 127 devices passed the check")
    precondition(server.devices.isEmpty || !server.isPlain, "BUG: a port is Modbus or it is not")
    framing = server.framing
    pace = server.pace
    switch server.port {
    case .tcp(let address), .rtuOverTCP(let address):
      let bound = try ListeningPort(address)
      self.address = bound.address
      listener = consume bound
    case .terminal(let link):
      address = nil
      terminal = PseudoTerminal(link: link)
    }
    images = server.devices.enumerated().map { place, device in
      DeviceImage(device, seed: SplitMix.mix(seed &+ UInt64(place) << 32), start: start)
    }
    if server.isPlain { speaker = FieldSpeaker(server, seed: seed, start: start) }
    assignUnits(server.devices)
  }

  private func assignUnits(_ devices: [FieldDevice]) {
    for (place, device) in devices.enumerated() {
      for unit in device.units ?? [] where imageOfUnit[Int(unit)] < 0 { imageOfUnit[Int(unit)] = Int8(place) }
    }
    if let rest = devices.firstIndex(where: { $0.units == nil }) {
      for unit in 0...255 where imageOfUnit[unit] < 0 { imageOfUnit[unit] = Int8(rest) }
    }
  }

  func image(unit: UInt8) -> DeviceImage? {
    let place = imageOfUnit[Int(unit)]
    return place < 0 ? nil : images[Int(place)]
  }

  // MARK: - There and away

  /// What the port's opening gives.
  enum Opening: ~Copyable {
    /// Clients come to this descriptor.
    case listening(Int32)
    /// A line that is there at once.
    case line(FileDescriptor)
  }

  func open() throws(SystemError) -> Opening {
    let opening: Opening
    if address == nil {
      opening = .line(try terminal!.plug())
    } else {
      try listener!.listen()
      opening = .listening(listener?.descriptor ?? -1)
    }
    isAway = false
    awayUntil = nil
    return opening
  }

  func goAway(until: BootTime?) throws(SystemError) {
    isAway = true
    awayUntil = until
    guard address != nil else { return terminal!.unplug() }
    try listener!.refuse()
  }

  /// The port could not be opened: not again before `time`.
  func postpone(until time: BootTime) { awayUntil = time }

  func close() {
    isAway = true
    awayUntil = nil
    listener?.close()
    terminal?.unplug()
  }

  func shouldComeBack(now: BootTime) -> Bool { awayUntil.map { $0 <= now } ?? false }

  func accept() -> FileDescriptor? { isAway ? nil : listener?.accept() }

  // MARK: - Babbling

  func babble(until: BootTime) { babblesUntil = until }

  func endBabbling() { babblesUntil = nil }

  func isBabbling(now: BootTime) -> Bool { babblesUntil.map { now < $0 } ?? false }
}
