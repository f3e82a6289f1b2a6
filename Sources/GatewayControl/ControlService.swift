// Which answer a call gets. No socket: a call and its caller's rights in, bytes out.
internal import GatewayCore

/// Answers the calls of `org.varlink.service` and `org.citygateway` for one daemon.
package struct ControlService: Sendable {
  package enum Answer {
    /// What the client gets, with its NUL; nothing for a oneway call.
    case reply([UInt8])
    /// The client gets its replies in their own time.
    case replies(any PendingReplies)
  }

  let delegate: any ControlDelegate
  private let watchInterval: Duration

  /// `watchInterval`: how often subscribers get what is new.
  package init(delegate: any ControlDelegate, watchInterval: Duration = .milliseconds(500)) {
    self.delegate = delegate
    self.watchInterval = watchInterval
  }

  /// `mayChange`: whether the caller may do more than look.
  package func answer(_ call: VarlinkCall, mayChange: Bool) -> Answer {
    let answer = dispatch(call, mayChange: mayChange)
    guard call.isOneway else { return answer }
    if case .replies(let pending) = answer { pending.cancel() }
    return .reply([])
  }

  private static let lookingMethods = [
    "Status", "Alarms", "Sensors", "Watch", "Store", "Quarantine", "DescribeBus", "DescribeChip",
  ]
  /// They change something, put traffic on a bus, or give away what is stored.
  private static let actingMethods = [
    "Reload", "Flush", "Read", "Scan", "Export", "MarkDelivered", "RetryQuarantined",
    "DropQuarantined", "Preview", "Provision",
  ]

  private func dispatch(_ call: VarlinkCall, mayChange: Bool) -> Answer {
    switch call.interface {
    case nil: return .invalid("method")
    case ServiceInterface.name: return serve(call)
    case ControlInterface.name: break
    case .some(let interface):
      return .serviceError("InterfaceNotFound", ["interface": .string(interface)])
    }
    let method = String(call.method.dropFirst(ControlInterface.name.count + 1))
    let isActing = Self.actingMethods.contains(method)
    guard isActing || Self.lookingMethods.contains(method) else { return .methodNotFound(call) }
    if call.wantsUpgrade { return .notImplemented(call) }
    if isActing && !mayChange { return .serviceError("PermissionDenied", [:]) }
    return isActing ? act(method, call) : look(method, call)
  }

  private func look(_ method: String, _ call: VarlinkCall) -> Answer {
    switch method {
    case "Status": .reply(ControlMessage.reply { delegate.status().appendJSON(to: &$0) })
    case "Alarms":
      .reply(
        ControlMessage.reply { buffer in
          var object = ObjectWriter(&buffer)
          object.member("alarms", delegate.alarms(), to: &buffer) { $0.appendJSON(to: &$1) }
          object.end(&buffer)
        })
    case "Sensors":
      .reply(
        ControlMessage.points(delegate.lastValues(), member: "points", nameKey: "name", continues: false))
    case "Watch": watch(call)
    case "Store": .reply(ControlMessage.reply { delegate.storeReport().appendJSON(to: &$0) })
    case "Quarantine": listQuarantine(call)
    case "DescribeBus": describeBus(call)
    default: describeChip(call)
    }
  }

  private func act(_ method: String, _ call: VarlinkCall) -> Answer {
    switch method {
    case "Reload": reload()
    case "Flush":
      .reply(ControlMessage.reply(.object(["queued": ControlMessage.count(delegate.flush())])))
    case "Read": read(call)
    case "Export": export(call)
    case "MarkDelivered": markDelivered(call)
    case "Provision": provision(call)
    case "RetryQuarantined": changeQuarantine(call, delegate.retry)
    case "DropQuarantined": changeQuarantine(call, delegate.drop)
    case "Preview": preview(call)
    default: scan(call)
    }
  }

  private func serve(_ call: VarlinkCall) -> Answer {
    switch call.method {
    case "org.varlink.service.GetInfo", "org.varlink.service.GetInterfaceDescription":
      if call.wantsUpgrade { return .notImplemented(call) }
      return call.method.hasSuffix("GetInfo") ? .reply(Self.information) : describe(call)
    default: return .methodNotFound(call)
    }
  }

  private static let information = ControlMessage.reply(
    .object([
      "vendor": .string("street-cabinet-gateway"), "product": .string("gatewayd"),
      "version": .string(GatewayVersion.text), "url": .string(""),
      "interfaces": .array([.string(ServiceInterface.name), .string(ControlInterface.name)]),
    ]))

  private func describe(_ call: VarlinkCall) -> Answer {
    guard let name = call.parameters["interface"]?.string else { return .invalid("interface") }
    let text: String
    switch name {
    case ServiceInterface.name: text = ServiceInterface.description
    case ControlInterface.name: text = ControlInterface.description
    default: return .serviceError("InterfaceNotFound", ["interface": .string(name)])
    }
    return .reply(ControlMessage.reply(.object(["description": .string(text)])))
  }

  private func watch(_ call: VarlinkCall) -> Answer {
    withPoints(call) { points in
      if call.takesMore { return .replies(WatchReplies(points, of: delegate, interval: watchInterval)) }
      var points = points
      return .reply(
        ControlMessage.points(
          points.news(in: delegate.lastValues()), member: "readings", nameKey: "point", continues: false))
    }
  }

  /// Answers with the points that the call names, or with what is wrong about them.
  func withPoints(_ call: VarlinkCall, _ answer: (WatchedPoints) -> Answer) -> Answer {
    let names: [String]
    switch call.parameters["points"] {
    case nil, .null: names = []
    case .some(let given):
      guard let elements = given.array else { return .invalid("points") }
      names = elements.compactMap(\.string)
      guard names.count == elements.count else { return .invalid("points") }
    }
    let watched = WatchedPoints(names: names)
    let points = delegate.lastValues()
    if let unknown = watched.unknown(in: points) {
      let known = points.map { JSONValue.string($0.name) }
      return .error("UnknownPoint", ["point": .string(unknown), "known": .array(known)])
    }
    return answer(watched)
  }

  private func reload() -> Answer {
    let problems = delegate.reload()
    guard !problems.isEmpty else { return .reply(ControlMessage.reply(.object([:]))) }
    return .error("ConfigInvalid", ["problems": .array(problems.map(JSONValue.string))])
  }
}

extension ControlService.Answer {
  static func serviceError(_ name: String, _ parameters: [String: JSONValue]) -> Self {
    .reply(ControlMessage.error("\(ServiceInterface.name).\(name)", parameters))
  }

  static func error(_ name: String, _ parameters: [String: JSONValue]) -> Self {
    .reply(ControlMessage.error("\(ControlInterface.name).\(name)", parameters))
  }

  static func invalid(_ parameter: String) -> Self {
    .serviceError("InvalidParameter", ["parameter": .string(parameter)])
  }

  fileprivate static func methodNotFound(_ call: VarlinkCall) -> Self {
    .serviceError("MethodNotFound", ["method": .string(call.method)])
  }

  fileprivate static func notImplemented(_ call: VarlinkCall) -> Self {
    .serviceError("MethodNotImplemented", ["method": .string(call.method)])
  }
}
