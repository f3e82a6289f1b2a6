internal import GatewayCore
internal import GatewaySystem

/// One listening port of the field and the devices behind it.
final class FieldPort {
  private var port: ListeningPort
  private let images: [DeviceImage]
  /// For each unit the place of its device in `images`; -1: nobody.
  private var imageOfUnit = [Int8](repeating: -1, count: 256)
  private(set) var isRefusing = false
  /// nil while refusing without a limit, and while listening.
  private(set) var refusesUntil: BootTime?
  var stats = FieldStats.Server()

  init(_ server: FieldServer, seed: UInt64, start: BootTime) throws(SystemError) {
    precondition(server.devices.count <= 127, "BUG: a server of more than 127 devices passed the check")
    port = try ListeningPort(server.listen)
    images = server.devices.enumerated().map { place, device in
      DeviceImage(device, seed: SplitMix.mix(seed &+ UInt64(place) << 32), start: start)
    }
    for (place, device) in server.devices.enumerated() {
      for unit in device.units ?? [] where imageOfUnit[Int(unit)] < 0 { imageOfUnit[Int(unit)] = Int8(place) }
    }
    if let rest = server.devices.firstIndex(where: { $0.units == nil }) {
      for unit in 0...255 where imageOfUnit[unit] < 0 { imageOfUnit[unit] = Int8(rest) }
    }
  }

  var address: ListenAddress { port.address }
  var descriptor: Int32 { port.descriptor }

  func image(unit: UInt8) -> DeviceImage? {
    let place = imageOfUnit[Int(unit)]
    return place < 0 ? nil : images[Int(place)]
  }

  func listen() throws(SystemError) {
    try port.listen()
    isRefusing = false
    refusesUntil = nil
  }

  func refuse(until: BootTime?) throws(SystemError) {
    isRefusing = true
    refusesUntil = until
    try port.refuse()
  }

  /// The port could not listen: not again before `time`.
  func postpone(until time: BootTime) { refusesUntil = time }

  func close() {
    isRefusing = true
    refusesUntil = nil
    port.close()
  }

  func shouldListenAgain(now: BootTime) -> Bool { refusesUntil.map { $0 <= now } ?? false }

  func accept() -> FileDescriptor? { port.accept() }
}
