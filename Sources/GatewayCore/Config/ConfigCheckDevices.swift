/// The devices and the frame of their points; what a point's registers mean is in `LayoutCheck`.
extension ConfigCheck {
  func devices(_ nodes: [ConfigNode], on buses: [CheckedBus], _ defaults: Sampling) -> [DeviceConfig] {
    var names: [(name: String, node: ConfigNode)] = []
    let profiles = ProfileCheck(profiles: profiles, log: log)
    var devices = nodes.map { node in
      let (whole, profile) = profiles.device(node)
      var keys = MappingReader(whole, "a device", log)
      let name = keys.requireName()
      names.append(name)
      return device(&keys, name.name, profile, buses, defaults)
    }
    reportRepeated(names, "the devices")
    formulas.finish(&devices)
    checkCount(of: devices, nodes)
    checkState(of: devices, nodes)
    TreatmentCheck(log: log).checkAlarms(of: devices, nodes)
    reportMixedTalk(devices, nodes)
    reportSharedLines(devices, nodes)
    return devices
  }

  /// Where some devices of a line are asked and others talk by themselves, answers and talk would collide.
  private func reportMixedTalk(_ devices: [DeviceConfig], _ nodes: [ConfigNode]) {
    var first: [String: (name: String, isAsked: Bool)] = [:]
    for (device, node) in zip(devices, nodes) {
      guard device.frame != nil, let field = device.points.lazy.compactMap(\.field).first else { continue }
      let isAsked = !field.request.isEmpty
      guard let other = first[device.bus] else {
        first[device.bus] = (device.name, isAsked)
        continue
      }
      guard other.isAsked != isAsked else { continue }
      let (asked, talker) = isAsked ? (device.name, other.name) : (other.name, device.name)
      log.add(
        node, "device \(quoted(talker)) talks by itself, and so \(quoted(asked)) cannot be asked on its bus")
    }
  }

  private func device(
    _ keys: inout MappingReader, _ name: String, _ profile: ProfileCheck.Use?, _ buses: [CheckedBus],
    _ defaults: Sampling
  ) -> DeviceConfig {
    var device = DeviceConfig(name: name, bus: "", unit: 1, points: [])
    let bus = self.bus(of: &keys, buses)
    device.bus = bus?.name ?? ""
    // Its keys depend on the bus, which has its problem already.
    if let bus, bus.config == nil { return device }
    if let profile, let bus = bus?.config, !profile.fits(bus, log) { return device }
    let kind = bus?.config?.link.places ?? .register
    if kind == .register { registers(&keys, of: &device, on: bus?.config) }
    // `ProfileCheck` has read both. What a profile that was not found would have brought is not missed.
    let isUnknown = keys.take("profile") != nil && profile == nil
    _ = keys.take("only")
    let isRead = keys.node["points"]?.elements?.contains { $0["formula"] == nil } ?? true
    let frame = kind == .field ? self.frame(&keys, isNeeded: !isUnknown && isRead) : nil
    device.frame = frame?.config
    let entity = entities.entity(keys.mapping("entity"), of: name)
    let sampling = defaults.overridden(by: &keys)
    if kind != .field { keys.refuse("frame", "\"frame\" is for devices on a serial bus") }
    if !isUnknown { _ = keys.require("points") }
    device.points = points(keys.list("points"), of: name, kind, frame, sampling, entity)
    if kind == .register { checkWidths(device, keys.node) }
    keys.finish()
    return device
  }

  /// On a serial bus nothing can be read without it.
  private func frame(_ keys: inout MappingReader, isNeeded: Bool) -> FrameCheck.Checked? {
    if isNeeded { _ = keys.require("frame") }
    return FrameCheck(log: log).frame(keys.mapping("frame"))
  }

  /// What a Modbus device has beside its points.
  private func registers(_ keys: inout MappingReader, of device: inout DeviceConfig, on bus: BusConfig?) {
    let node = keys.take("unit")
    device.unit = UInt8(node.flatMap { keys.read($0, "unit", Self.modbusUnit) } ?? 1)
    // Modbus over Serial Line 1.02, section 2.2: nobody answers a broadcast, and 248 to 255 are reserved.
    if let node, let bus, bus.link.isSerialLine, !(1...247).contains(device.unit) {
      log.add(node, "on a serial line a unit is a whole number from 1 to 247, not \(device.unit)")
    }
    device.maximumRegisters = keys.optional("max-registers", .integer(1...125)) ?? device.maximumRegisters
    device.readsGaps =
      keys.optional(
        "gaps", .word([("read", true), ("avoid", false)], synonyms: ["true": "read", "false": "avoid"]))
      ?? device.readsGaps
  }

  private func checkWidths(_ device: DeviceConfig, _ node: ConfigNode) {
    let widest = device.points.compactMap { $0.register?.count }.max() ?? 0
    guard widest > device.maximumRegisters else { return }
    log.add(node, "a point takes \(widest) registers, more than \"max-registers\" allows in one answer")
  }

  /// nil where the device's bus is not one of `buses`.
  private func bus(of keys: inout MappingReader, _ buses: [CheckedBus]) -> CheckedBus? {
    guard let node = keys.require("bus"), let name = keys.read(node, "bus", .name) else { return nil }
    if let bus = buses.first(where: { $0.name == name }) { return bus }
    let names = buses.map(\.name).filter { !$0.isEmpty }
    let near = nearestWord(to: name, in: names)
    let first = names.prefix(8).map(quoted).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
    let known = names.isEmpty ? "; \"buses\" names none" : "; \"buses\" names \(first)"
    log.add(node, "there is no bus \(quoted(name))\(near == nil ? known : suggestion(near))")
    return nil
  }

  /// A full name has 127 bytes at most, since each of its halves has 63.
  private func points(
    _ nodes: [ConfigNode], of device: String, _ kind: PlaceKind, _ frame: FrameCheck.Checked?,
    _ sampling: Sampling, _ entity: EntityDesk.Use?
  ) -> [PointConfig] {
    var names: [(name: String, node: ConfigNode)] = []
    let points = nodes.map { node in
      var keys = MappingReader(node, "a point", log)
      let name = keys.requireName()
      names.append(name)
      return point(&keys, name.name, kind, frame, sampling) { node, point in
        EntityAttributeCheck(desk: entities, log: log).read(node, of: entity, point, of: device)
      }
    }
    reportRepeated(names, "the points of device \(quoted(device))")
    return points
  }

  private func point(
    _ keys: inout MappingReader, _ name: String, _ kind: PlaceKind, _ frame: FrameCheck.Checked?,
    _ sampling: Sampling, _ checkAttribute: (ConfigNode?, PointConfig) -> Void
  ) -> PointConfig {
    let place = keys.take("formula").map { computed($0, &keys) } ?? place(&keys, kind, frame)
    let unit = keys.optional("unit", Self.unitCode)
    let kind = keys.optional("kind", Self.kind) ?? Self.usualKind(of: place)
    let sampling = sampling.overridden(by: &keys)
    let attribute = keys.take("attribute")
    var point = PointConfig(
      name: name, place: place, unit: unit, kind: kind, every: sampling.every, window: sampling.window,
      functions: sampling.functions)
    point.treatment = TreatmentCheck(log: log).treatment(&keys, of: point)
    point.treatment.patience = max(2 * sampling.every.microseconds, 1_000_000)
    point.functions = sampling.fitting(
      point.kind, &keys, isPrivate: point.treatment.publishesOnlyAggregates)
    point.treatment.quantum = point.quantum
    if !point.functions.isDisjoint(with: [.increase, .rate]), point.treatment.counter == nil {
      point.treatment.counter = CounterConfig()
    }
    keys.finish()
    checkAttribute(attribute, point)
    return point
  }

  /// What a point has only one sensible reading as, where the file says nothing.
  private static func usualKind(of place: PointPlace) -> PointKind {
    switch place {
    case .register: .gauge
    case .line(let line): line.mode == .pulse ? .counter : .state
    case .field(let field): field.words.isEmpty ? .gauge : .state
    case .formula: .gauge
    }
  }

  private func computed(_ node: ConfigNode, _ keys: inout MappingReader) -> PointPlace {
    for key in ["at", "line", "field", "byte", "every"] {
      keys.refuse(key, "\(quoted(key)) is for points that are read; this one is computed by its \"formula\"")
    }
    return formulas.place(node)
  }

  private func place(
    _ keys: inout MappingReader, _ kind: PlaceKind, _ frame: FrameCheck.Checked?
  ) -> PointPlace {
    switch kind {
    case .field: return .field(FrameFieldCheck(frame: frame, log: log).field(&keys))
    case .line: return .line(GPIOLineCheck(log: log).line(&keys))
    case .register:
      let place = keys.require("at")
      let at = place.flatMap { keys.read($0, "at", RegisterAddress.form) }
      let layout = LayoutCheck(table: at?.table, log: log).layout(&keys)
      if let at, let place, let layout { checkEnd(at, layout, place) }
      return .register(
        RegisterPlace(
          table: at?.table ?? .holding, address: at?.address ?? 0,
          layout: layout ?? RegisterLayout(type: .uint16)))
    }
  }

  private func checkEnd(_ at: RegisterAddress, _ layout: RegisterLayout, _ place: ConfigNode) {
    let last = Int(at.address) + layout.type.registers - 1
    guard last > 65_535 else { return }
    let sentence = "a \(layout.type.rawValue) at \(at.table.word) \(at.address) would end at \(last)"
    log.add(place, "\(sentence); the last register is 65535")
  }

  /// 248 to 254 are reserved (Modbus over Serial Line 1.02, section 2.2), and libmodbus refuses them.
  private static var modbusUnit: ScalarForm<Int> {
    .integer(0...255).map("a unit from 0 to 247, or 255") { 248...254 ~= $0 ? nil : $0 }
  }

  private static var kind: ScalarForm<PointKind> {
    .word([("gauge", .gauge), ("counter", .counter), ("state", .state), ("direction", .direction)])
  }

  /// UN/CEFACT Recommendation 20: three capitals or digits at most. Which codes exist is not checked.
  private static var unitCode: ScalarForm<String> {
    let symbols = [
      "°C": "CEL", "C": "CEL", "%": "P1", "kWh": "KWH", "kW": "KWT", "Hz": "HTZ", "mA": "4K", "mV": "2Z",
      "m/s": "MTS", "hPa": "A97", "lx": "LUX", "mm": "MMT", "µg/m³": "GQ", "ppm": "59",
    ]
    func isCode(_ text: String) -> Bool {
      1...3 ~= text.utf8.count
        && text.utf8.allSatisfy { byte in
          (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
    }
    return ScalarForm(
      "a UN/CEFACT code of 1 to 3 capitals and digits such as CEL, KWH or P1",
      nearest: { symbols[$0] ?? (isCode($0.uppercased()) ? $0.uppercased() : nil) },
      parse: { text, _ in isCode(text) ? text : nil })
  }
}

/// How a point says where its value is; the bus decides.
enum PlaceKind { case register, line, field }

extension BusConfig.Link {
  fileprivate var isSerialLine: Bool {
    switch self {
    case .modbusRTU, .modbusRTUOverTCP: true
    case .modbusTCP, .gpio, .serial: false
    }
  }

  var places: PlaceKind {
    switch self {
    case .modbusTCP, .modbusRTU, .modbusRTUOverTCP: .register
    case .gpio: .line
    case .serial: .field
    }
  }
}
