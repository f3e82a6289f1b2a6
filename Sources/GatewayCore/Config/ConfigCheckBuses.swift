/// The buses: what cannot run becomes no `BusConfig`, but is known by name, so that its devices are not reported
/// a second time.
extension ConfigCheck {
  struct CheckedBus {
    let name: String
    /// nil where the bus cannot run; its problem was reported.
    let config: BusConfig?
  }

  /// The types of the contract.
  private enum BusType: String, CaseIterable {
    case modbusTCP = "modbus-tcp"
    case modbusRTU = "modbus-rtu"
    case modbusRTUOverTCP = "modbus-rtu-tcp"
    case gpio, serial
  }

  /// Each bus has a thread and some four descriptors of its own, and libmodbus waits with select(2), which ends at 1024.
  private static let mostBuses = 400

  func buses(_ nodes: [ConfigNode]) -> [CheckedBus] {
    if nodes.count > Self.mostBuses {
      log.add(nodes[Self.mostBuses], "there are \(nodes.count) buses; \(Self.mostBuses) are possible")
    }
    var names: [(name: String, node: ConfigNode)] = []
    var ports: [String: String] = [:]
    let buses = nodes.prefix(Self.mostBuses).map { node in
      var keys = MappingReader(node, "a bus", log)
      let name = keys.requireName()
      names.append(name)
      let bus = CheckedBus(name: name.name, config: bus(&keys, name.name))
      if let bus = bus.config { reportShared(bus, node, &ports) }
      return bus
    }
    reportRepeated(names, "the buses")
    return buses
  }

  /// Two masters on one serial line disturb each other, and the second could not open it anyway.
  private func reportShared(_ bus: BusConfig, _ node: ConfigNode, _ ports: inout [String: String]) {
    let device: String
    switch bus.link {
    case .modbusRTU(let line), .serial(let line): device = line.device
    case .gpio(let chip): device = chip
    case .modbusTCP, .modbusRTUOverTCP: return
    }
    guard !device.isEmpty else { return }
    if let other = ports[device] {
      log.add(node, "bus \(quoted(bus.name)) uses \(quoted(device)), which bus \(quoted(other)) has already")
    } else {
      ports[device] = bus.name
    }
  }

  private func bus(_ keys: inout MappingReader, _ name: String) -> BusConfig? {
    guard let type = busType(&keys) else { return nil }
    var bus = BusConfig(name: name, link: link(&keys, type))
    bus.timeout = keys.optional("timeout", .duration("10ms", "60s")) ?? bus.timeout
    if [.modbusTCP, .modbusRTU, .modbusRTUOverTCP].contains(type) {
      bus.turnaround = keys.optional("turnaround", .duration("0s", "1s")) ?? bus.turnaround
    }
    keys.finish()
    return bus
  }

  private func link(_ keys: inout MappingReader, _ type: BusType) -> BusConfig.Link {
    switch type {
    case .modbusTCP:
      let (host, port) = keys.require("address", Self.address(port: 502)) ?? ("", 502)
      return .modbusTCP(host: host, port: port)
    case .modbusRTUOverTCP:
      // A serial server has no port of its own that everybody knows.
      let (host, port) = keys.require("address", Self.address(port: nil)) ?? ("", 502)
      return .modbusRTUOverTCP(host: host, port: port, baud: keys.optional("baud", Self.baud) ?? 9600)
    case .modbusRTU: return .modbusRTU(serialLine(&keys, format: "8E1", dataBits: 8))
    case .gpio: return .gpio(chip: keys.require("chip", Self.devicePath("/dev/gpiochip0")) ?? "")
    case .serial: return .serial(serialLine(&keys, format: "8N1"))
    }
  }

  /// nil where the other keys mean nothing.
  private func busType(_ keys: inout MappingReader) -> BusType? {
    guard let node = keys.require("type") else { return .modbusTCP }
    let form = ScalarForm<BusType>.word(
      BusType.allCases.map { ($0.rawValue, $0) },
      synonyms: [
        "modbus": "modbus-tcp", "tcp": "modbus-tcp", "rtu": "modbus-rtu", "rs485": "modbus-rtu",
        "rtu-tcp": "modbus-rtu-tcp", "rtuovertcp": "modbus-rtu-tcp", "uart": "serial", "tty": "serial",
      ])
    guard let type = keys.read(node, "type", form) else {
      // Most likely a slip: what stands below is worth checking.
      let meant = if case .scalar(let text, _) = node.content { form.nearest(text) } else { String?.none }
      return meant.flatMap(BusType.init(rawValue:))
    }
    return type
  }

  /// The sentence about what the contract has and this version has not.
  static func unavailable(_ noun: String, _ word: String, speaks words: String) -> String {
    "\(noun) \(quoted(word)) is not available in version \(GatewayVersion.text), which speaks \(words)"
  }

  /// `host:port`, `[IPv6]:port`; without a port where `port` says what is meant then.
  private static func address(port usual: UInt16?) -> ScalarForm<(host: String, port: UInt16)> {
    let example = usual ?? 4001
    return ScalarForm(
      "host:port such as \"192.0.2.10:\(example)\" or \"[2001:db8::1]:\(example)\"",
      nearest: { text in
        if isIPv6Address(text) { return "[\(text)]:\(example)" }
        guard usual == nil, let place = NetworkPlace(text), place.port == nil else { return nil }
        return "\(text):\(example)"
      },
      parse: { text, _ in
        guard let place = NetworkPlace(text), let port = place.port ?? usual else { return nil }
        return (place.host, port)
      })
  }
}
