/// Collects the formulas of all points, and reads them once all points are known. Used by one thread.
final class FormulaDesk {
  private let log: ProblemLog
  /// In the order of the points.
  private var nodes: [ConfigNode] = []

  init(_ log: ProblemLog) { self.log = log }

  /// Stands for a formula until `finish`.
  func place(_ node: ConfigNode) -> PointPlace {
    nodes.append(node)
    return .formula(Formula(inputs: [], steps: []))
  }

  /// Puts the formulas where they belong, and units where a point has none of its own and its formula says it.
  func finish(_ devices: inout [DeviceConfig]) {
    guard !nodes.isEmpty else { return }
    let directory = PointDirectory(devices)
    let drafts = drafts(of: devices, directory)
    let order = FormulaOrder(drafts.map { ($0.name, $0.parsed?.formula.inputs ?? []) })
    report(order, drafts)
    // Units of inputs are known before those of what is computed from them.
    for draft in order.places.map({ drafts[$0] }) {
      guard let parsed = draft.parsed else { continue }
      let unit = unit(of: parsed, draft.node) { name in
        directory[name].flatMap { devices[$0.device].points[$0.point].unit }
      }
      checkPrivacy(of: draft, parsed.formula.inputs) { name in
        directory[name].map { devices[$0.device].points[$0.point].treatment.publishesOnlyAggregates } ?? false
      }
      devices[draft.device].points[draft.point].place = .formula(parsed.formula)
      if devices[draft.device].points[draft.point].unit == nil {
        devices[draft.device].points[draft.point].unit = unit
      }
    }
  }

  private func drafts(of devices: [DeviceConfig], _ directory: PointDirectory) -> [Draft] {
    var drafts: [Draft] = []
    for (device, config) in devices.enumerated() {
      for (point, one) in config.points.enumerated() {
        guard case .formula = one.place, drafts.count < nodes.count else { continue }
        let node = nodes[drafts.count]
        drafts.append(
          Draft(
            isPrivate: one.treatment.publishesOnlyAggregates, name: "\(config.name).\(one.name)",
            device: device, point: point, node: node,
            parsed: parse(node, config.name, directory)))
      }
    }
    return drafts
  }

  private func report(_ order: FormulaOrder, _ drafts: [Draft]) {
    for circle in order.circles {
      let names = (circle + [circle[0]]).map { drafts[$0].name }.joined(separator: " → ")
      log.add(drafts[circle[0]].node, "the formula needs its own result: \(names)")
    }
    if let place = order.tooDeep {
      let most = Formula.deepest
      log.add(
        drafts[place].node, "the formula builds on more than \(most) others in a row; \(most) are possible")
    }
  }

  /// What is kept back does not leave as something else.
  private func checkPrivacy(of draft: Draft, _ inputs: [String], _ isPrivate: (String) -> Bool) {
    guard !draft.isPrivate, let name = inputs.first(where: isPrivate) else { return }
    log.add(
      draft.node,
      "\(name) publishes only aggregates; what is computed from it needs \"publish: aggregate\" too")
  }

  private struct Draft {
    var isPrivate: Bool
    var name: String
    var device: Int
    var point: Int
    var node: ConfigNode
    var parsed: (formula: Formula, places: [Int])?
  }

  private func parse(
    _ node: ConfigNode, _ device: String, _ directory: PointDirectory
  ) -> (formula: Formula, places: [Int])? {
    guard let text = text(node) else { return nil }
    var parser = FormulaParser(
      text, point: { directory.fullName($0, in: device) },
      complaint: { directory.complaint($0, in: device) })
    do throws(FormulaProblem) {
      return (try parser.parse(), parser.places)
    } catch {
      if !error.sentence.isEmpty { add(node, error) }
      return nil
    }
  }

  /// One line, as it is folded over several.
  private func text(_ node: ConfigNode) -> String? {
    var line = node
    if case .scalar(let text, let isPlain) = node.content {
      guard text.utf8.count <= Self.longest else {
        log.add(
          node,
          "a formula has at most \(Self.longest) bytes, and this one has \(text.utf8.count); give parts of"
            + " it points of their own")
        return nil
      }
      var characters = text.map { "\n\r\t\r\n".contains($0) ? " " : $0 }
      while characters.count > 1, characters.last == " " { characters.removeLast() }
      line.content = .scalar(String(characters), isPlain: isPlain)
    }
    let reader = MappingReader(ConfigNode(.mapping([]), line: node.line, column: node.column), "a point", log)
    return reader.read(line, "formula", .text("a formula such as u * i * cosphi"))
  }

  private static let longest = 4096

  /// The column within the file, as far as the text stands there as it is.
  private func add(_ node: ConfigNode, _ problem: FormulaProblem) {
    let quote = if case .scalar(_, isPlain: false) = node.content { 1 } else { 0 }
    log.add(
      ConfigProblem(
        line: node.line, column: node.column + quote + problem.offset, sentence: problem.sentence,
        file: node.file))
  }

  private func unit(
    of parsed: (formula: Formula, places: [Int]), _ node: ConfigNode, _ unitOf: (String) -> String?
  ) -> String? {
    let units = parsed.formula.inputs.map(unitOf)
    do throws(FormulaProblem) {
      return try FormulaUnit.unit(of: parsed.formula, at: parsed.places, units)
    } catch {
      add(node, error)
      return nil
    }
  }
}

/// The points by their names.
struct PointDirectory {
  private var places: [String: (device: Int, point: Int)] = [:]
  private let devices: [DeviceConfig]

  init(_ devices: [DeviceConfig]) {
    self.devices = devices
    for (device, config) in devices.enumerated() {
      for (point, one) in config.points.enumerated() where places["\(config.name).\(one.name)"] == nil {
        places["\(config.name).\(one.name)"] = (device, point)
      }
    }
  }

  subscript(name: String) -> (device: Int, point: Int)? { places[name] }

  /// nil for what is no point's name in that device.
  func fullName(_ name: String, in device: String) -> String? {
    let full = name.contains(".") ? name : "\(device).\(name)"
    return places[full] == nil ? nil : full
  }

  /// Empty where the device could not be read, which has its own problem.
  func complaint(_ name: String, in device: String) -> String {
    let other = name.contains(".") ? String(name.prefix { $0 != "." }) : nil
    if let other, devices.contains(where: { $0.name == other && $0.points.isEmpty }) { return "" }
    let own = devices.first { $0.name == device }?.points.map(\.name).filter { !$0.isEmpty } ?? []
    let names = other == nil ? own : devices.flatMap { one in one.points.map { "\(one.name).\($0.name)" } }
    let near = nearestWord(to: name, in: names) ?? places.keys.filter { $0.hasSuffix(".\(name)") }.min()
    let first = own.prefix(8).joined(separator: ", ") + (own.count > 8 ? ", …" : "")
    let advice = near == nil ? "; the points of this device are \(first)" : suggestion(near)
    return "there is no point \(quoted(name))\(advice)"
  }
}

/// In which order formulas are computed that use each other's results.
private struct FormulaOrder {
  private(set) var places: [Int] = []
  private(set) var circles: [[Int]] = []
  /// The first that builds on more formulas in a row than are possible.
  private(set) var tooDeep: Int?
  private var depths: [Int]
  private var path: [Int] = []
  private var isDone: [Bool]
  private let inputs: [[Int]]

  init(_ formulas: [(name: String, inputs: [String])]) {
    let index = Dictionary(
      formulas.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
    inputs = formulas.map { $0.inputs.compactMap { index[$0] } }
    isDone = formulas.map { _ in false }
    depths = formulas.map { _ in 0 }
    for place in formulas.indices { visit(place) }
  }

  private mutating func visit(_ place: Int) {
    if let first = path.firstIndex(of: place) { return circles.append(Array(path[first...])) }
    guard !isDone[place] else { return }
    path.append(place)
    for input in inputs[place] { visit(input) }
    path.removeLast()
    depths[place] = 1 + (inputs[place].map { depths[$0] }.max() ?? 0)
    if depths[place] == Formula.deepest + 2, tooDeep == nil { tooDeep = place }
    isDone[place] = true
    places.append(place)
  }
}
