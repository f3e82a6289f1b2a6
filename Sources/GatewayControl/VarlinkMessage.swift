// Varlink's messages (varlink.org, "Method Call"): JSON objects, each ended by a NUL. Pure: bytes in, values
// out; whatever the bytes are, nothing here fails harder than by saying so.
package import GatewayCore

/// Cuts a stream of bytes into messages. Keeps at most one message of `limit` bytes and what came with it.
package struct VarlinkFrames: Sendable {
  package enum Next: Equatable, Sendable {
    case message([UInt8])
    /// What has come is the beginning of a message, or nothing.
    case incomplete
    /// The message is longer than the limit; the stream cannot be used any further.
    case tooLong
  }

  private let limit: Int
  private var bytes: [UInt8] = []
  /// No NUL stands before this place.
  private var searched = 0

  package init(limit: Int) { self.limit = limit }

  package var isEmpty: Bool { bytes.isEmpty }

  /// Whether `next` has something to say besides that the message is incomplete.
  package var hasMessage: Bool { bytes.count > limit || bytes[searched...].contains(0) }

  package mutating func append(_ more: UnsafeRawBufferPointer) { bytes.append(contentsOf: more) }

  /// Takes the next message, without its NUL.
  package mutating func next() -> Next {
    guard let end = bytes[searched...].firstIndex(of: 0) else {
      searched = bytes.count
      return bytes.count > limit ? .tooLong : .incomplete
    }
    guard end <= limit else { return .tooLong }
    let message = Array(bytes[..<end])
    bytes.removeFirst(end + 1)
    searched = 0
    return .message(message)
  }
}

/// A method call as a client sent it.
package struct VarlinkCall: Equatable, Sendable {
  /// `interface.Method`
  package var method: String
  /// An object, empty when the client sent none.
  package var parameters: JSONValue
  /// The client wants no reply.
  package var isOneway: Bool
  /// The client takes several replies.
  package var takesMore: Bool
  /// The client wants to speak another protocol from here on.
  package var wantsUpgrade: Bool

  package init(
    method: String, parameters: JSONValue = .object([:]), isOneway: Bool = false, takesMore: Bool = false,
    wantsUpgrade: Bool = false
  ) {
    self.method = method
    self.parameters = parameters
    self.isOneway = isOneway
    self.takesMore = takesMore
    self.wantsUpgrade = wantsUpgrade
  }

  /// nil for what is no call: not JSON, no object, no method, or a member of the wrong type. Varlink has no
  /// error for that; the connection ends. Unknown members are ignored, as the specification lets vendors add.
  package init?(parsing message: [UInt8]) {
    // No method of ours takes anything deeper than a list of names.
    guard let call = message.withUnsafeBytes({ try? JSONValue(parsing: $0, maximumDepth: 16) }),
      let method = call["method"]?.string, let oneway = Self.flag(call["oneway"]),
      let more = Self.flag(call["more"]), let upgrade = Self.flag(call["upgrade"])
    else { return nil }
    var parameters = JSONValue.object([:])
    switch call["parameters"] {
    case nil, .null: break
    case .some(let given): parameters = given
    }
    guard parameters.object != nil else { return nil }
    self.init(
      method: method, parameters: parameters, isOneway: oneway, takesMore: more, wantsUpgrade: upgrade)
  }

  private static func flag(_ value: JSONValue?) -> Bool? {
    switch value {
    case nil, .null: false
    case .some(let given): given.bool
    }
  }

  /// The part before the last dot; nil without one.
  package var interface: String? {
    method.lastIndex(of: ".").map { String(method[..<$0]) }
  }

  /// The call as it goes over the wire, with its NUL.
  package var bytes: [UInt8] {
    var members: [String: JSONValue] = ["method": .string(method), "parameters": parameters]
    if isOneway { members["oneway"] = .bool(true) }
    if takesMore { members["more"] = .bool(true) }
    if wantsUpgrade { members["upgrade"] = .bool(true) }
    var buffer = ByteBuffer()
    JSONWriter.append(.object(members), to: &buffer)
    buffer.append(0)
    return buffer.copyBytes()
  }
}

/// A reply as the client takes it in.
package struct VarlinkReply: Equatable, Sendable {
  package var parameters: JSONValue
  /// The text of `parameters` as it was sent, so that it can be passed on with its order kept.
  package var parametersText: [UInt8]
  package var error: String?
  package var continues: Bool

  /// nil for what is no reply.
  package init?(parsing message: [UInt8]) {
    guard let reply = message.withUnsafeBytes({ try? JSONValue(parsing: $0) }), let members = reply.object
    else { return nil }
    parameters = reply["parameters"] ?? .object([:])
    error = reply["error"]?.string
    continues = reply["continues"]?.bool ?? false
    parametersText = Self.text(of: parameters, in: message, isAlone: members.count == 1)
  }

  /// Where the message holds nothing but its parameters, their text is what stands between its braces.
  private static func text(of parameters: JSONValue, in message: [UInt8], isAlone: Bool) -> [UInt8] {
    if isAlone, message.starts(with: opening), message.last == UInt8(ascii: "}") {
      return Array(message[opening.count..<message.count - 1])
    }
    var buffer = ByteBuffer()
    JSONWriter.append(parameters, to: &buffer)
    return buffer.copyBytes()
  }

  private static let opening = Array("{\"parameters\":".utf8)
}
