/// The buses: only what this version can run becomes a `BusConfig`, but the others are known by name, so that
/// their devices are not reported a second time.
extension ConfigCheck {
  struct CheckedBus {
    let name: String
    /// nil where the bus cannot run in this version.
    let config: BusConfig?
  }

  /// The types of the contract.
  private enum BusType: String, CaseIterable {
    case modbusTCP = "modbus-tcp"
    case modbusRTU = "modbus-rtu"
    case modbusRTUOverTCP = "modbus-rtu-tcp"
    case gpio, serial
  }

  /// Each bus has a thread and two descriptors of its own, and libmodbus waits with select(2), which ends at 1024.
  private static let mostBuses = 400

  func buses(_ nodes: [ConfigNode]) -> [CheckedBus] {
    if nodes.count > Self.mostBuses {
      log.add(nodes[Self.mostBuses], "there are \(nodes.count) buses; \(Self.mostBuses) are possible")
    }
    var names: [(name: String, node: ConfigNode)] = []
    let buses = nodes.prefix(Self.mostBuses).map { node in
      var keys = MappingReader(node, "a bus", log)
      let name = keys.requireName()
      names.append(name)
      return CheckedBus(name: name.name, config: bus(&keys, name.name))
    }
    reportRepeated(names, "the buses")
    return buses
  }

  private func bus(_ keys: inout MappingReader, _ name: String) -> BusConfig? {
    guard let type = busType(&keys) else { return nil }
    guard type == .modbusTCP else { return nil }
    var bus = BusConfig(name: name, link: .modbusTCP(host: "", port: 502))
    if let (host, port) = keys.require("address", Self.address) {
      bus.link = .modbusTCP(host: host, port: port)
    }
    bus.timeout = keys.optional("timeout", .duration("10ms", "60s")) ?? bus.timeout
    keys.finish()
    return bus
  }

  /// nil where the other keys mean nothing: their type is not the one that this version speaks.
  private func busType(_ keys: inout MappingReader) -> BusType? {
    guard let node = keys.require("type") else { return .modbusTCP }
    let form = ScalarForm<BusType>.word(
      BusType.allCases.map { ($0.rawValue, $0) },
      synonyms: ["modbus": "modbus-tcp", "tcp": "modbus-tcp", "rtu": "modbus-rtu", "rs485": "modbus-rtu"]
    ).map("modbus-tcp") { $0 }
    guard let type = keys.read(node, "type", form) else {
      // Most likely a slip: what stands below is worth checking.
      let meant = if case .scalar(let text, _) = node.content { form.nearest(text) } else { String?.none }
      return meant == BusType.modbusTCP.rawValue ? .modbusTCP : nil
    }
    if type != .modbusTCP { log.add(node, Self.unavailable("bus type", type.rawValue, speaks: "modbus-tcp")) }
    return type
  }

  /// The sentence about what the contract has and this version has not.
  static func unavailable(_ noun: String, _ word: String, speaks words: String) -> String {
    "\(noun) \(quoted(word)) is not available in version \(GatewayVersion.text), which speaks \(words)"
  }

  /// `host`, `host:port`, `[IPv6]` or `[IPv6]:port`; 502 is Modbus's own port.
  private static var address: ScalarForm<(host: String, port: UInt16)> {
    ScalarForm(
      "host:port such as \"192.0.2.10:502\" or \"[2001:db8::1]:502\"",
      nearest: { isIPv6Address($0) ? "[\($0)]:502" : nil },
      parse: { text, _ in NetworkPlace(text).map { ($0.host, $0.port ?? 502) } })
  }
}
