// Which answer a call gets. No socket: a call and its caller's rights in, bytes out.
package import GatewayCore

/// Answers the calls of `org.varlink.service` and `org.citygateway` for one daemon.
package struct ControlService: Sendable {
  package enum Answer: Sendable {
    /// What the client gets, with its NUL; nothing for a oneway call.
    case reply([UInt8])
    /// The client subscribed to these points.
    case watch(WatchedPoints)
  }

  private let delegate: any ControlDelegate

  package init(delegate: any ControlDelegate) { self.delegate = delegate }

  /// `mayChange`: whether the caller may do more than look.
  package func answer(_ call: VarlinkCall, mayChange: Bool) -> Answer {
    let answer = dispatch(call, mayChange: mayChange)
    return call.isOneway ? .reply([]) : answer
  }

  private func dispatch(_ call: VarlinkCall, mayChange: Bool) -> Answer {
    guard let interface = call.interface else { return .invalid("method") }
    switch call.method {
    case _ where call.wantsUpgrade && Self.methods.contains(call.method):
      return .serviceError("MethodNotImplemented", ["method": .string(call.method)])
    case "org.varlink.service.GetInfo": return .reply(Self.information)
    case "org.varlink.service.GetInterfaceDescription": return describe(call)
    case "org.citygateway.Status": return status()
    case "org.citygateway.Sensors":
      return .points(delegate.lastValues(), member: "points", nameKey: "name", continues: false)
    case "org.citygateway.Watch": return watch(call)
    case "org.citygateway.Reload": return mayChange ? reload() : .serviceError("PermissionDenied", [:])
    case "org.citygateway.Flush":
      guard mayChange else { return .serviceError("PermissionDenied", [:]) }
      return .reply(Self.message(parameters: .object(["queued": Self.count(delegate.flush())])))
    case _ where interface == ControlInterface.name || interface == ServiceInterface.name:
      return .serviceError("MethodNotFound", ["method": .string(call.method)])
    default: return .serviceError("InterfaceNotFound", ["interface": .string(interface)])
    }
  }

  private static let methods = [
    "org.varlink.service.GetInfo", "org.varlink.service.GetInterfaceDescription", "org.citygateway.Status",
    "org.citygateway.Sensors", "org.citygateway.Watch", "org.citygateway.Reload", "org.citygateway.Flush",
  ]

  private static let information = message(
    parameters: .object([
      "vendor": .string("street-cabinet-gateway"), "product": .string("gatewayd"),
      "version": .string(GatewayVersion.text), "url": .string(""),
      "interfaces": .array([.string(ServiceInterface.name), .string(ControlInterface.name)]),
    ]))

  private func describe(_ call: VarlinkCall) -> Answer {
    guard let name = call.parameters["interface"]?.string else { return .invalid("interface") }
    switch name {
    case ServiceInterface.name: return .description(ServiceInterface.description)
    case ControlInterface.name: return .description(ControlInterface.description)
    default: return .serviceError("InterfaceNotFound", ["interface": .string(name)])
    }
  }

  private func status() -> Answer {
    var buffer = ByteBuffer()
    buffer.append("{\"parameters\":")
    delegate.status().appendJSON(to: &buffer)
    buffer.append("}\0")
    return .reply(buffer.copyBytes())
  }

  private func watch(_ call: VarlinkCall) -> Answer {
    let names: [String]
    switch call.parameters["points"] {
    case nil, .null: names = []
    case .some(let given):
      guard let elements = given.array else { return .invalid("points") }
      names = elements.compactMap(\.string)
      guard names.count == elements.count else { return .invalid("points") }
    }
    var watched = WatchedPoints(names: names)
    let points = delegate.lastValues()
    guard watched.areKnown(in: points) else { return .invalid("points") }
    if call.takesMore && !call.isOneway { return .watch(watched) }
    return .points(watched.news(in: points), member: "readings", nameKey: "point", continues: false)
  }

  /// What a subscriber has not seen yet; nil when that is nothing.
  func news(for watched: inout WatchedPoints) -> [UInt8]? {
    let news = watched.news(in: delegate.lastValues())
    // The first message tells that the subscription runs, even when no point has a reading yet.
    guard !news.isEmpty || watched.isNew else { return nil }
    watched.isNew = false
    return Self.message(news, member: "readings", nameKey: "point", continues: true)
  }

  private func reload() -> Answer {
    let problems = delegate.reload()
    guard !problems.isEmpty else { return .reply(Self.message(parameters: .object([:]))) }
    return .reply(
      Self.message(
        error: "\(ControlInterface.name).ConfigInvalid",
        ["problems": .array(problems.map(JSONValue.string))]))
  }

  private static func count(_ number: UInt64) -> JSONValue {
    Int64(exactly: number).map(JSONValue.signed) ?? .unsigned(number)
  }

  fileprivate static func message(parameters: JSONValue) -> [UInt8] {
    var buffer = ByteBuffer()
    JSONWriter.append(.object(["parameters": parameters]), to: &buffer)
    buffer.append(0)
    return buffer.copyBytes()
  }

  /// An error reply, with its NUL.
  static func message(error: String, _ parameters: [String: JSONValue]) -> [UInt8] {
    var buffer = ByteBuffer()
    JSONWriter.append(.object(["error": .string(error), "parameters": .object(parameters)]), to: &buffer)
    buffer.append(0)
    return buffer.copyBytes()
  }

  fileprivate static func message(
    _ points: [StatusSnapshot.Point], member: StaticString, nameKey: StaticString, continues: Bool
  ) -> [UInt8] {
    var buffer = ByteBuffer()
    buffer.append(continues ? "{\"continues\":true,\"parameters\":{\"" : "{\"parameters\":{\"")
    buffer.append(member)
    buffer.append("\":[")
    for (index, point) in points.enumerated() {
      if index > 0 { buffer.append(UInt8(ascii: ",")) }
      point.appendJSON(nameKey: nameKey, to: &buffer)
    }
    buffer.append("]}}\0")
    return buffer.copyBytes()
  }
}

extension ControlService.Answer {
  fileprivate static func serviceError(_ name: String, _ parameters: [String: JSONValue]) -> Self {
    .reply(ControlService.message(error: "\(ServiceInterface.name).\(name)", parameters))
  }

  fileprivate static func invalid(_ parameter: String) -> Self {
    .serviceError("InvalidParameter", ["parameter": .string(parameter)])
  }

  fileprivate static func description(_ text: String) -> Self {
    .reply(ControlService.message(parameters: .object(["description": .string(text)])))
  }

  fileprivate static func points(
    _ points: [StatusSnapshot.Point], member: StaticString, nameKey: StaticString, continues: Bool
  ) -> Self {
    .reply(ControlService.message(points, member: member, nameKey: nameKey, continues: continues))
  }
}

/// What one subscriber wants to see and has seen.
package struct WatchedPoints: Sendable {
  /// Names of points and of devices; none stands for all.
  private let names: Set<String>
  private var seen: [String: Timestamp] = [:]
  fileprivate(set) var isNew = true

  package init(names: [String]) { self.names = Set(names) }

  /// The points whose last reading is another than the one that was seen last.
  package mutating func news(in points: [StatusSnapshot.Point]) -> [StatusSnapshot.Point] {
    var news: [StatusSnapshot.Point] = []
    for point in points where covers(point.name) {
      guard let time = point.time, seen.updateValue(time, forKey: point.name) != time else { continue }
      news.append(point)
    }
    return news
  }

  /// Whether each name is that of a point or of a device.
  package func areKnown(in points: [StatusSnapshot.Point]) -> Bool {
    var unknown = names
    for point in points {
      unknown.remove(point.name)
      unknown.remove(Self.device(of: point.name))
    }
    return unknown.isEmpty
  }

  private func covers(_ name: String) -> Bool {
    names.isEmpty || names.contains(name) || names.contains(Self.device(of: name))
  }

  private static func device(of name: String) -> String {
    String(name.prefix { $0 != "." })
  }
}
