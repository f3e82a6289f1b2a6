import GatewayControl
import GatewayCore
import Testing

@Suite struct VarlinkMessageTests {
  @Test func messagesAreCutAtNULHoweverTheyArrive() {
    let stream = Array("one\0two\0\0three\0rest".utf8)
    for size in 1...stream.count {
      var frames = VarlinkFrames(limit: 16)
      var messages: [String] = []
      for start in stride(from: 0, to: stream.count, by: size) {
        stream[start..<min(start + size, stream.count)].withUnsafeBytes { frames.append($0) }
        while case .message(let message) = frames.next() {
          messages.append(String(decoding: message, as: UTF8.self))
        }
      }
      #expect(messages == ["one", "two", "", "three"])
      #expect(!frames.isEmpty)
      #expect(!frames.hasMessage)
    }
  }

  @Test func aMessageOfTheLimitPassesAndOneByteMoreDoesNot() {
    var frames = VarlinkFrames(limit: 8)
    frames.append(text: "12345678\0")
    #expect(frames.next() == .message(Array("12345678".utf8)))
    frames.append(text: "123456789")
    #expect(frames.next() == .tooLong)
    var whole = VarlinkFrames(limit: 8)
    whole.append(text: "123456789\0")
    #expect(whole.next() == .tooLong)
  }

  @Test func aCallIsReadBack() {
    let call = VarlinkCall(
      method: "org.citygateway.Watch", parameters: .object(["points": .array([.string("a.b\"\u{1}é")])]),
      takesMore: true)
    #expect(VarlinkCall(parsing: call.bytes.dropLast()) == call)
    #expect(call.interface == "org.citygateway")
  }

  @Test func nullMembersAreAsGoodAsNone() {
    let text = #"{"method":"a.B","parameters":null,"oneway":null,"more":null,"upgrade":null,"x.y":{}}"#
    #expect(VarlinkCall(parsing: Array(text.utf8)) == VarlinkCall(method: "a.B"))
  }

  @Test(arguments: [
    "", "{", "[]", "{}", #"{"method":1}"#, #"{"method":"a.B","parameters":[]}"#,
    #"{"method":"a.B","more":1}"#,
    #"{"method":"a.B","oneway":"yes"}"#, #"{"method":"a.B"} x"#,
  ])
  func whatIsNoCallIsRefused(_ text: String) {
    #expect(VarlinkCall(parsing: Array(text.utf8)) == nil)
  }

  @Test func parametersKeepTheirText() throws {
    let plain = try #require(VarlinkReply(parsing: Array(#"{"parameters":{"z":1,"a":2}}"#.utf8)))
    #expect(plain.parametersText == Array(#"{"z":1,"a":2}"#.utf8))
    let other = try #require(
      VarlinkReply(parsing: Array(#"{"continues":true,"parameters":{"z":1,"a":2}}"#.utf8)))
    #expect(other.parametersText == Array(#"{"a":2,"z":1}"#.utf8))
    #expect(other.continues)
  }

  /// Whatever bytes come, parsing and answering ends, with a reply that is Varlink or none.
  @Test func twentyThousandMutatedMessagesNeverCrash() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed of twentyThousandMutatedMessagesNeverCrash: \(seed)")
    var random = SplitMix(seed: seed)
    let cabinet = Cabinet()
    let service = ControlService(delegate: cabinet)
    var understood = 0
    for _ in 0..<20_000 {
      var bytes = Self.seeds.randomElement(using: &random)!
      for _ in 0..<Int.random(in: 0...4, using: &random) { Self.mutate(&bytes, &random) }
      var frames = VarlinkFrames(limit: 1024)
      bytes.withUnsafeBytes { frames.append($0) }
      while case .message(let message) = frames.next() {
        _ = VarlinkReply(parsing: message)
        guard let call = VarlinkCall(parsing: message) else { continue }
        guard case .reply(let reply) = service.answer(call, mayChange: Bool.random(using: &random)) else {
          continue
        }
        guard !call.isOneway else { continue }
        understood += 1
        #expect(reply.last == 0)
        #expect(VarlinkReply(parsing: reply.dropLast()) != nil, "seed \(seed)")
      }
    }
    #expect(understood > 1000)
  }

  private static let seeds: [[UInt8]] = [
    VarlinkCall(method: "org.citygateway.Status").bytes, VarlinkCall(method: "org.citygateway.Sensors").bytes,
    VarlinkCall(
      method: "org.citygateway.Watch", parameters: .object(["points": .array([.string("canopy")])]),
      takesMore: true
    ).bytes, VarlinkCall(method: "org.citygateway.Reload", isOneway: true).bytes,
    VarlinkCall(
      method: "org.varlink.service.GetInterfaceDescription",
      parameters: .object(["interface": .string("org.citygateway")])
    ).bytes, Array("{\"method\":\"\\ud83d\\ude00.x\",\"parameters\":{\"a\":[[[[1e308,-0.5]]]]}}\0".utf8),
  ]

  private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix) {
    guard !bytes.isEmpty else { return bytes.append(UInt8.random(in: 0...255, using: &random)) }
    let place = Int.random(in: 0..<bytes.count, using: &random)
    switch Int.random(in: 0..<5, using: &random) {
    case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
    case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
    case 2: bytes.remove(at: place)
    case 3: bytes.insert(Array("{}[]\",:\\0".utf8).randomElement(using: &random)!, at: place)
    default: bytes.insert(contentsOf: bytes[place...].prefix(40), at: place)
    }
  }
}

extension VarlinkFrames {
  fileprivate mutating func append(text: String) {
    Array(text.utf8).withUnsafeBytes { append($0) }
  }
}

extension VarlinkCall {
  fileprivate init?(parsing bytes: ArraySlice<UInt8>) { self.init(parsing: Array(bytes)) }
}

extension VarlinkReply {
  fileprivate init?(parsing bytes: ArraySlice<UInt8>) { self.init(parsing: Array(bytes)) }
}
