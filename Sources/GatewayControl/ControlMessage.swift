// The replies of the control socket as they go over the wire, each with its NUL.
internal import GatewayCore

enum ControlMessage {
  static func reply(_ parameters: JSONValue, continues: Bool = false) -> [UInt8] {
    var members = ["parameters": parameters]
    if continues { members["continues"] = .bool(true) }
    return message(.object(members))
  }

  /// `write` appends the parameters' object, in an order of its own.
  static func reply(_ write: (inout ByteBuffer) -> Void) -> [UInt8] {
    var buffer = ByteBuffer()
    buffer.append("{\"parameters\":")
    write(&buffer)
    buffer.append("}\0")
    return buffer.copyBytes()
  }

  static func error(_ name: String, _ parameters: [String: JSONValue]) -> [UInt8] {
    message(.object(["error": .string(name), "parameters": .object(parameters)]))
  }

  private static func message(_ value: JSONValue) -> [UInt8] {
    var buffer = ByteBuffer()
    JSONWriter.append(value, to: &buffer)
    buffer.append(0)
    return buffer.copyBytes()
  }

  static func points(
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

  static func count(_ number: UInt64) -> JSONValue {
    Int64(exactly: number).map(JSONValue.signed) ?? .unsigned(number)
  }

  /// What a bus said, as `Read` gives it.
  static func parameters(of finding: BusFinding, unit: UInt8) -> JSONValue {
    var members: [String: JSONValue] = ["unit": .signed(Int64(unit))]
    switch finding {
    case .words(let words): members["words"] = .array(words.map { .signed(Int64($0)) })
    case .bits(let bits): members["bits"] = .array(bits.map(JSONValue.bool))
    case .identity(let texts): members["identity"] = .array(texts.map(JSONValue.string))
    case .exception(let code):
      members["exception"] = .signed(Int64(code))
      members["reason"] = .string("\(QualityReason(modbusException: code).word)")
    case .failed(let reason, let cause):
      members["reason"] = .string("\(reason.word)")
      members["cause"] = .string(cause)
    }
    return .object(members)
  }
}
