@testable import GatewayCore

/// Feeds a decoder in pieces and collects what it gives.
struct FrameFeed {
  var decoder: FrameDecoder
  private(set) var frames: [[UInt8]] = []
  private(set) var broken: [[UInt8]] = []
  private(set) var fed = 0

  init(_ shape: FrameShape, isAligned: Bool = false) {
    decoder = FrameDecoder(shape, isAligned: isAligned)
  }

  /// `bytes` has at most 256.
  mutating func feed(_ bytes: some Collection<UInt8>) {
    let accepted = Array(bytes).withUnsafeBytes { decoder.append($0) }
    precondition(accepted == bytes.count, "\(accepted) of \(bytes.count) bytes were taken")
    fed += accepted
    drain()
  }

  mutating func feed(_ bytes: [UInt8], pieces: (inout Int) -> Int) {
    var place = 0
    while place < bytes.count {
      let size = min(pieces(&place), bytes.count - place)
      feed(bytes[place..<place + size])
      place += size
    }
  }

  mutating func end() {
    decoder.endBurst()
    drain()
  }

  private mutating func drain() {
    while let event = decoder.next() {
      switch event {
      case .frame(let frame): frames.append(Array(frame))
      case .broken(let frame): broken.append(Array(frame))
      }
    }
  }
}

/// The same bytes whole, byte by byte, and cut at random: the same frames each time.
func framesOfAllCuts(
  _ shape: FrameShape, _ bytes: [UInt8], isAligned: Bool = false, using generator: inout SplitMix
) -> [[[UInt8]]] {
  var results: [[[UInt8]]] = []
  for cut in 0..<3 {
    var feed = FrameFeed(shape, isAligned: isAligned)
    feed.feed(bytes) { _ in
      switch cut {
      case 0: 256
      case 1: 1
      default: Int.random(in: 1...40, using: &generator)
      }
    }
    feed.end()
    results.append(feed.frames)
  }
  return results
}

/// `42 4D`, a length, a sum: as Plantower's sensors talk.
let plantower = BinaryFrame(
  start: [0x42, 0x4D], length: .stated(at: 2, bytes: 2, isLittleEndian: false, add: 4, most: 64),
  checksum: BinaryFrame.Checksum(kind: .sum16, isLittleEndian: false))

/// As Nova Fitness's SDS011 talks: the sum covers the six bytes of data.
let nova = BinaryFrame(
  start: [0xAA, 0xC0], length: .fixed(10),
  checksum: BinaryFrame.Checksum(kind: .sum8, first: 2, last: 7, isLittleEndian: false), end: [0xAB])

/// A made-up one with a CRC, its low byte first, and a length that counts the payload only.
let crcFrame = BinaryFrame(
  start: [0x7E], length: .stated(at: 1, bytes: 1, isLittleEndian: false, add: 4, most: 40),
  checksum: BinaryFrame.Checksum(kind: .modbus, first: 1, isLittleEndian: true))

/// Makes and recognises frames by other code than the decoder's.
enum FrameForge {
  static func sentence(_ body: String, sign: Character = "$") -> [UInt8] {
    let sum = body.utf8.reduce(UInt8(0)) { $0 ^ $1 }
    let digits = String(sum, radix: 16, uppercase: true)
    return Array("\(sign)\(body)*\(digits.count == 1 ? "0" : "")\(digits)".utf8)
  }

  static func plantower(_ payload: [UInt8]) -> [UInt8] {
    var frame: [UInt8] = [0x42, 0x4D, 0, UInt8(payload.count + 2)] + payload
    let sum = frame.reduce(0) { $0 + Int($1) }
    frame += [UInt8(sum / 256 % 256), UInt8(sum % 256)]
    return frame
  }

  static func nova(_ data: [UInt8]) -> [UInt8] {
    [0xAA, 0xC0] + data + [UInt8(data.reduce(0) { $0 + Int($1) } % 256), 0xAB]
  }

  static func crc(_ payload: [UInt8]) -> [UInt8] {
    let covered = [UInt8(payload.count)] + payload
    var crc = 0xFFFF
    for byte in covered {
      crc ^= Int(byte)
      for _ in 0..<8 { crc = crc % 2 == 1 ? (crc / 2) ^ 0xA001 : crc / 2 }
    }
    return [0x7E] + covered + [UInt8(crc % 256), UInt8(crc / 256)]
  }

  /// The places in `bytes` at which a whole valid frame begins.
  static func places(_ bytes: [UInt8], _ isValid: (ArraySlice<UInt8>) -> Bool) -> [Int] {
    bytes.indices.filter { isValid(bytes[$0...]) }
  }

  static func beginsPlantower(_ bytes: ArraySlice<UInt8>) -> Bool {
    let head = Array(bytes.prefix(4))
    guard head.count == 4, head[0] == 0x42, head[1] == 0x4D else { return false }
    let length = Int(head[2]) * 256 + Int(head[3]) + 4
    guard length <= 64, length >= 6, bytes.count >= length else { return false }
    let frame = Array(bytes.prefix(length))
    let sum = frame.dropLast(2).reduce(0) { $0 + Int($1) }
    return Int(frame[length - 2]) * 256 + Int(frame[length - 1]) == sum % 65_536
  }

  static func beginsNova(_ bytes: ArraySlice<UInt8>) -> Bool {
    let frame = Array(bytes.prefix(10))
    return frame.count == 10 && frame == nova(Array(frame[2..<8]))
  }

  static func beginsCRC(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard bytes.count >= 4, bytes.first == 0x7E else { return false }
    let count = Int(bytes[bytes.startIndex + 1])
    guard count + 4 <= 40, bytes.count >= count + 4 else { return false }
    let frame = Array(bytes.prefix(count + 4))
    return frame == crc(Array(frame[2..<2 + count]))
  }

  static func beginsSentence(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard bytes.first == 0x24 || bytes.first == 0x21 else { return false }
    let body = bytes.dropFirst().prefix { 0x20...0x7E ~= $0 && ![0x24, 0x21, 0x2A].contains($0) }
    let tail = bytes.dropFirst(1 + body.count).prefix(3)
    let text = String(decoding: body, as: UTF8.self)
    return String(decoding: tail, as: UTF8.self).uppercased().utf8.elementsEqual(sentence(text).suffix(3))
  }
}
