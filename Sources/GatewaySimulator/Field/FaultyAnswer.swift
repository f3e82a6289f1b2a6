internal import GatewayCore

/// What leaves instead of a right answer when a fault strikes. A value made from bytes and dice alone.
struct FaultyAnswer {
  /// Comes back at once, while it is being sent: not a part of the answer.
  var echo: [UInt8] = []
  /// In the order of their leaving, each so much after the answer was due.
  var pieces: [(bytes: [UInt8], after: Duration)] = []
  /// Whether answers to later requests wait for this one.
  var holdsUpOthers = true
  var closesConnection = false

  /// - Parameters:
  ///   - body: the right answer: unit and PDU; of a plain device all it says.
  ///   - silence: what separates two frames.
  ///   - turn: counts the foreign frames, so that each kind has its turn.
  init(
    _ kind: FieldFault.Kind, _ body: [UInt8], answering request: UnsafeRawBufferPointer, _ framing: Framing,
    silence: Duration, turn: inout Int, dice: inout SplitMix
  ) {
    let whole = framing.frame(body, answering: request)
    switch kind {
    case .unplug, .babble: pieces = [(whole, .zero)]
    case .exception, .foreign, .wrongTransaction, .wrongUnit, .wrongFunction:
      // A plain device has nothing of what these make wrong.
      guard framing != .plain else {
        pieces = [(whole, .zero)]
        break
      }
      pieces = [(Self.mistaken(kind, body, answering: request, framing, turn: turn), .zero)]
      guard kind == .foreign else { break }
      turn += 1
      if dice.next() % 2 == 0 { pieces.append((whole, silence)) }
    case .silent: break
    case .delay(let extra): pieces = [(whole, extra)]
    case .late(let extra):
      pieces = [(whole, extra)]
      holdsUpOthers = false
    case .garbage: pieces = [(Self.random(8...71, &dice), .zero)]
    case .short:
      pieces = [(Array(whole.prefix(whole.count / 2)), .zero)]
      closesConnection = true
    case .close: closesConnection = true
    case .corrupt: pieces = [(Self.corrupt(whole, framing, &dice), .zero)]
    case .noise: pieces = [(Self.random(1...8, &dice) + whole, .zero)]
    case .echo:
      echo = Array(request)
      pieces = [(whole, .zero)]
    case .fragment(let pause):
      pieces = whole.enumerated().map { place, byte in ([byte], pause * place) }
    }
  }

  static func random(_ count: ClosedRange<Int>, _ dice: inout SplitMix) -> [UInt8] {
    (0..<Int.random(in: count, using: &dice)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
  }

  private static func mistaken(
    _ kind: FieldFault.Kind, _ body: [UInt8], answering request: UnsafeRawBufferPointer, _ framing: Framing,
    turn: Int
  ) -> [UInt8] {
    var body = body
    switch kind {
    case .exception(let code): body = [body[0], body[1] | 0x80, code]
    case .wrongUnit: body[0] ^= 0x55
    case .wrongFunction: body[1] = otherFunction(body[1])
    case .foreign: return foreign(body, answering: request, framing, turn: turn)
    default: break
    }
    var frame = framing.frame(body, answering: request)
    if kind == .wrongTransaction, framing == .tcp { frame[1] ^= 0x55 }
    return frame
  }

  private static func otherFunction(_ function: UInt8) -> UInt8 {
    switch function & 0x7F {
    case 1, 3: function + 1
    default: function - 1
    }
  }

  /// A frame that some other device could have sent at this moment, with other values.
  private static func foreign(
    _ body: [UInt8], answering request: UnsafeRawBufferPointer, _ framing: Framing, turn: Int
  ) -> [UInt8] {
    var body = body
    // The words of another device: whoever takes them for ours, takes a wrong value.
    for place in body.indices.dropFirst(3) { body[place] ^= 0xA5 }
    switch turn % (framing == .tcp ? 4 : 3) {
    // Far from its neighbours: an answer that a device gives unasked, just when it is asked, nothing on a serial
    // line tells from the right one.
    case 0: body[0] = (body[0] &+ 122) % 247 + 1
    case 1: body[1] = otherFunction(body[1])
    case 2: lengthen(&body)
    default:
      var frame = framing.frame(body, answering: request)
      frame[1] ^= 0x55
      return frame
    }
    return framing.frame(body, answering: request)
  }

  /// Two bytes fewer where that leaves some, else two more.
  private static func lengthen(_ body: inout [UInt8]) {
    guard body.count >= 3, body[1] & 0x80 == 0 else { return body += [0, 0] }
    if body[2] > 2, body.count > 5 {
      body.removeLast(2)
      body[2] -= 2
    } else {
      body += [0xA5, 0x5A]
      body[2] += 2
    }
  }

  private static func corrupt(_ whole: [UInt8], _ framing: Framing, _ dice: inout SplitMix) -> [UInt8] {
    // Transaction, protocol, length, unit, function and byte count.
    let struck = framing == .tcp ? min(whole.count, TCPFrame.headerLength + 2) : whole.count
    while true {
      var frame = whole
      for _ in 0..<Int.random(in: 1...8, using: &dice) {
        let bit = Int.random(in: 0..<8 * struck, using: &dice)
        frame[bit / 8] ^= 1 << UInt8(bit % 8)
      }
      // Bits that are flipped twice are none; and what a 16-bit checksum cannot see, no gateway can.
      if frame != whole, framing != .rtu || !frame.withUnsafeBytes({ RTUFrame.isSound($0) }) { return frame }
    }
  }
}
