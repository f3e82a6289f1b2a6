internal import GatewayCore

/// What stands under `talk` and `answer`.
extension FieldWords {
  static func talks(_ node: ConfigNode?) throws(ConfigProblem) -> [FieldTalk] {
    guard let node else { return [] }
    var talks: [FieldTalk] = []
    for entry in try node.elements() {
      let members = try entry.members(["every", "line", "hex", "nmea"])
      guard let every = members["every"] else { throw entry.problem("\"every\" is missing") }
      let period = try every.duration()
      guard period >= .milliseconds(1) else { throw every.problem("nothing talks more often than every 1ms") }
      guard let said = try message(members, text: "line", hex: "hex") else {
        throw entry.problem("line, hex or nmea?")
      }
      talks.append(FieldTalk(every: period, said))
    }
    return talks
  }

  static func replies(_ node: ConfigNode?) throws(ConfigProblem) -> [FieldReply] {
    guard let node else { return [] }
    var replies: [FieldReply] = []
    for entry in try node.elements() {
      let members = try entry.members(["to", "to-hex", "with", "with-hex", "nmea", "delay"])
      let question: [UInt8]
      if let node = members["to-hex"] {
        question = try bytes(node)
      } else if let node = members["to"] {
        question = Array(try node.text().utf8)
      } else {
        throw entry.problem("\"to\" is missing")
      }
      guard (1...256).contains(question.count) else {
        throw entry.problem("a question has from 1 to 256 bytes")
      }
      guard let said = try message(members, text: "with", hex: "with-hex") else {
        throw entry.problem("\"with\" is missing")
      }
      replies.append(FieldReply(to: question, said, delay: try members["delay"]?.duration() ?? .zero))
    }
    return replies
  }

  private static func message(
    _ members: [String: ConfigNode], text: String, hex: String
  ) throws(ConfigProblem) -> FieldMessage? {
    if let node = members[hex] { return FieldMessage(bytes: try bytes(node)) }
    guard let node = members[text] ?? members["nmea"] else { return nil }
    let words = try node.text()
    guard let message = members[text] != nil ? FieldMessage(text: words) : FieldMessage(nmea: words) else {
      throw node.problem(
        "a number that moves is written as {sine 214.8 30 60s .1}, {random 1 2} or {counter 3}")
    }
    return message
  }

  /// `42 4d 00 1c`
  private static func bytes(_ node: ConfigNode) throws(ConfigProblem) -> [UInt8] {
    var bytes: [UInt8] = []
    for word in try node.text().split(separator: " ") {
      guard word.utf8.count == 2, let byte = UInt8(word, radix: 16) else {
        throw node.problem("bytes such as 42 4d 00 1c should stand here")
      }
      bytes.append(byte)
    }
    return bytes
  }
}
