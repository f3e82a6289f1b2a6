package import GatewayCore
internal import GatewayYAML

/// The field's description file (`Config/demo-field.yaml` is one), up to its first mistake.
extension FieldDescription {
  package init(yaml bytes: [UInt8]) throws(ConfigProblem) {
    try self.init(try YAMLReader.read(bytes))
  }

  /// A list of servers, or a mapping with `servers` and `seed`.
  package init(_ node: ConfigNode) throws(ConfigProblem) {
    var list = node
    var seed: UInt64 = 1
    if case .mapping = node.content {
      let members = try node.members(["servers", "seed"])
      if let value = members["seed"] { seed = UInt64(try value.whole(0...Int.max)) }
      guard let servers = members["servers"] else { throw node.problem("\"servers\" is missing") }
      list = servers
    }
    self.init(servers: [], seed: seed)
    for entry in try list.elements() { try add(entry) }
    if servers.isEmpty { throw list.problem("a field has at least one server") }
  }

  /// Entries with the same port are devices behind it.
  private mutating func add(_ entry: ConfigNode) throws(ConfigProblem) {
    let members = try entry.members([
      "listen", "protocol", "pty", "baud", "format", "count", "units", "registers", "delay", "gaps", "talk",
      "answer", "identity",
    ])
    let isPlain = members["talk"] != nil || members["answer"] != nil
    for key in isPlain ? ["registers", "units", "delay", "gaps", "identity", "listen"] : [] {
      if let node = members[key] {
        throw node.problem("\"\(key)\" is not for what talks and answers on a pty")
      }
    }
    var server = FieldServer(
      try FieldWords.port(members, of: entry), pace: try FieldWords.pace(members, of: entry),
      talks: try FieldWords.talks(members["talk"]), replies: try FieldWords.replies(members["answer"]))
    if !isPlain { server.devices = [try FieldWords.device(members, of: entry)] }
    let count = try members["count"]?.whole(1...10_000) ?? 1
    for number in 0..<count { try join(server.shifted(by: number, of: count, entry), entry) }
  }

  private mutating func join(_ server: FieldServer, _ entry: ConfigNode) throws(ConfigProblem) {
    guard let place = servers.firstIndex(where: { $0.port.isSame(as: server.port) }) else {
      return servers.append(server)
    }
    guard servers[place].port == server.port, server.pace == nil || server.pace == servers[place].pace else {
      throw entry.problem("a port has one protocol and one baud rate, given where it is first mentioned")
    }
    guard !server.isPlain, !servers[place].isPlain else {
      throw entry.problem("a port whose device talks or answers stands once")
    }
    guard servers[place].devices.count < 127 else { throw entry.problem("more than 127 devices on one port") }
    servers[place].devices += server.devices
  }
}

extension FieldServer {
  /// The same so many ports higher.
  fileprivate func shifted(
    by number: Int, of count: Int, _ entry: ConfigNode
  ) throws(ConfigProblem) -> FieldServer {
    func moved(_ address: ListenAddress) throws(ConfigProblem) -> ListenAddress {
      guard address.port == 0 || Int(address.port) + count <= 65536 else {
        throw entry.problem("\(count) servers do not fit above port \(address.port)")
      }
      return ListenAddress(host: address.host, port: address.port == 0 ? 0 : address.port + UInt16(number))
    }
    var server = self
    switch port {
    case .tcp(let address): server.port = .tcp(try moved(address))
    case .rtuOverTCP(let address): server.port = .rtuOverTCP(try moved(address))
    case .terminal: if count > 1 { throw entry.problem("\"count\" is for ports of TCP") }
    }
    return server
  }
}

extension FieldServer.Port {
  /// Ports that the kernel chooses are never the same.
  fileprivate func isSame(as other: Self) -> Bool {
    switch (self, other) {
    case (.tcp(let one), .tcp(let another)), (.tcp(let one), .rtuOverTCP(let another)),
      (.rtuOverTCP(let one), .tcp(let another)), (.rtuOverTCP(let one), .rtuOverTCP(let another)):
      one == another && one.port != 0
    case (.terminal(let one), .terminal(let another)): one == another
    default: false
    }
  }
}
