internal import GatewayCore

/// What stands under one entry of the field's description.
enum FieldWords {
  static func port(
    _ members: [String: ConfigNode], of entry: ConfigNode
  ) throws(ConfigProblem) -> FieldServer.Port {
    if let node = members["pty"] {
      for key in ["listen", "protocol"] {
        if let other = members[key] { throw other.problem("a pty has no \"\(key)\"") }
      }
      let link = try node.text()
      guard link.hasPrefix("/") else { throw node.problem("the whole path of a link should stand here") }
      return .terminal(link: link)
    }
    let address = try address(members["listen"], of: entry)
    guard let node = members["protocol"] else { return .tcp(address) }
    switch try node.text() {
    case "tcp": return .tcp(address)
    case "rtu": return .rtuOverTCP(address)
    default: throw node.problem("a protocol is \"tcp\" or \"rtu\"")
    }
  }

  static func pace(
    _ members: [String: ConfigNode], of entry: ConfigNode
  ) throws(ConfigProblem) -> LinePace? {
    let format = members["format"]
    guard let node = members["baud"] else {
      if let format { throw format.problem("a format is nothing without a baud rate") }
      return nil
    }
    let baud = try node.whole(0...4_000_000)
    if baud == 0 { return nil }
    guard let pace = LinePace(baud: baud, format: try format?.text() ?? "8N1") else {
      throw (format ?? node).problem("a format such as 8N1 or 7E2 should stand here")
    }
    return pace
  }

  static func device(
    _ members: [String: ConfigNode], of entry: ConfigNode
  ) throws(ConfigProblem) -> FieldDevice {
    FieldDevice(
      units: try members["units"].flatMap { node throws(ConfigProblem) in try units(node) },
      registers: try registers(members["registers"], of: entry),
      delay: try members["delay"]?.duration() ?? .zero, refusesGaps: try refusesGaps(members["gaps"]),
      identity: try identity(members["identity"]))
  }

  /// `[maker, product, version]`; three texts of this length fill the longest answer.
  private static func identity(_ node: ConfigNode?) throws(ConfigProblem) -> [String] {
    guard let node else { return [] }
    var texts: [String] = []
    for element in try node.elements() {
      let text = try element.text()
      guard text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }), text.utf8.count <= 80, texts.count < 3
      else {
        throw element.problem(
          "maker, product and version should stand here, in ASCII, 80 characters each at most")
      }
      texts.append(text)
    }
    return texts
  }

  static func address(_ node: ConfigNode?, of entry: ConfigNode) throws(ConfigProblem) -> ListenAddress {
    guard let node else { throw entry.problem("\"listen\" or \"pty\" is missing") }
    guard let address = ListenAddress(text: try node.text()) else {
      throw node.problem("an address such as \"127.0.0.1:15020\" should stand here")
    }
    return address
  }

  /// `any`, `7`, `1-100` or `[1, 2]`; nil means any.
  static func units(_ node: ConfigNode) throws(ConfigProblem) -> [UInt8]? {
    if case .sequence(let nodes) = node.content {
      var units: [UInt8] = []
      for unit in nodes { units.append(UInt8(try unit.whole(0...255))) }
      return units
    }
    let text = try node.text()
    if text == "any" { return nil }
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt8($0) }
    guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last
    else {
      throw node.problem("units such as 7, 1-100, [1, 2] or any should stand here")
    }
    return Array(first...last)
  }

  static func refusesGaps(_ node: ConfigNode?) throws(ConfigProblem) -> Bool {
    guard let node else { return false }
    switch try node.text() {
    case "zero": return false
    case "illegal": return true
    default: throw node.problem("gaps are \"zero\" or \"illegal\"")
    }
  }

  static func registers(_ node: ConfigNode?, of entry: ConfigNode) throws(ConfigProblem) -> [FieldRegister] {
    guard let node else { throw entry.problem("\"registers\" is missing") }
    var registers: [FieldRegister] = []
    for entry in try node.elements() { registers.append(try register(entry)) }
    return registers
  }

  private static func register(_ node: ConfigNode) throws(ConfigProblem) -> FieldRegister {
    let members = try node.members(["at", "type", "order", "scale", "offset", "value"])
    guard let at = members["at"] else { throw node.problem("\"at\" is missing") }
    guard let value = members["value"] else { throw node.problem("\"value\" is missing") }
    let words = try at.text().split(separator: " ")
    guard words.count == 2, let table = RegisterTable.allCases.first(where: { "\($0.word)" == words[0] }),
      let address = UInt16(words[1])
    else { throw at.problem("a place such as \"input 40\" should stand here") }
    let register: FieldRegister
    if case .mapping(let pairs) = value.content, let pair = pairs.first, pairs.count == 1,
      try pair.key.text() == "words"
    {
      var words: [UInt16] = []
      for word in try pair.value.elements() { words.append(UInt16(try word.whole(0...65535))) }
      register = FieldRegister(table, address, words: words)
    } else if isWord(value, "requests"), !table.isBits {
      register = FieldRegister(table, requestsAt: address)
    } else {
      register = FieldRegister(table, address, try wave(value), layout: try layout(members, table))
    }
    guard register.count > 0, Int(address) + register.count <= 65536 else {
      throw at.problem("no registers, or some beyond 65535")
    }
    return register
  }

  private static func isWord(_ node: ConfigNode, _ word: String) -> Bool {
    if case .scalar(let text, _) = node.content { text == word } else { false }
  }

  private static func layout(
    _ members: [String: ConfigNode], _ table: RegisterTable
  ) throws(ConfigProblem) -> RegisterLayout {
    var layout = RegisterLayout(type: table.isBits ? .bool : .uint16)
    if let node = members["type"] {
      guard let type = RegisterType(rawValue: try node.text()) else {
        throw node.problem(
          "one of \(RegisterType.allCases.map(\.rawValue).joined(separator: ", ")) should stand here")
      }
      layout.type = type
    }
    if let node = members["order"] { layout.order = try order(node) }
    let scale = try members["scale"]?.number() ?? 1
    guard scale != 0 else { throw members["scale"]!.problem("a scale of 0 makes all values 0") }
    let offset = try members["offset"]?.number() ?? 0
    layout.scale = LinearScale(scale: scale, offset: offset, denominator: 0, numerator: 0, addend: 0)
    return layout
  }

  private static func order(_ node: ConfigNode) throws(ConfigProblem) -> ByteOrder {
    switch try node.text() {
    case "AB", "ABCD", "ABCDEFGH": .bigEndian
    case "CDAB", "GHEFCDAB": ByteOrder(wordsReversed: true, bytesSwapped: false)
    case "BA", "BADC", "BADCFEHG": ByteOrder(wordsReversed: false, bytesSwapped: true)
    case "DCBA", "HGFEDCBA": ByteOrder(wordsReversed: true, bytesSwapped: true)
    default: throw node.problem("an order such as ABCD, CDAB, BADC or DCBA should stand here")
    }
  }

  private static func wave(_ node: ConfigNode) throws(ConfigProblem) -> Waveform {
    if case .scalar = node.content { return .constant(try node.number()) }
    let members = try node.members([
      "wave", "mean", "swing", "period", "constant", "ramp", "random", "counter", "words",
    ])
    if let constant = members["constant"] { return .constant(try constant.number()) }
    if let counter = members["counter"] { return .counter(perSecond: try counter.number()) }
    if let ramp = members["ramp"] {
      let (from, step) = try pair(ramp)
      return .ramp(from: from, step: step)
    }
    if let random = members["random"] {
      let (low, high) = try pair(random)
      guard low <= high else { throw random.problem("the lower number comes first") }
      return .random(low...high)
    }
    guard let wave = members["wave"] else {
      throw node.problem("wave, constant, ramp, random, counter or words?")
    }
    let mean = try members["mean"]?.number() ?? 0
    let swing = try members["swing"]?.number() ?? 1
    let period = try members["period"]?.duration() ?? .seconds(60)
    switch try wave.text() {
    case "sine": return .sine(mean: mean, swing: swing, period: period)
    case "square": return .square(mean: mean, swing: swing, period: period)
    default: throw wave.problem("a wave is \"sine\" or \"square\"")
    }
  }

  private static func pair(_ node: ConfigNode) throws(ConfigProblem) -> (Double, Double) {
    let elements = try node.elements()
    guard elements.count == 2 else { throw node.problem("two numbers should stand here, as in [10, 0.5]") }
    return (try elements[0].number(), try elements[1].number())
  }
}
