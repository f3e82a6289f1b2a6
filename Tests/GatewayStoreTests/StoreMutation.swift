import GatewayCore
import Glibc

@testable import GatewayStore

/// What happens to the bytes of a store's file, at random.
struct StoreMutation {
  private static let block = StoreFormat.block

  let image: StoreImage
  private(set) var bytes: [UInt8]
  private(set) var words: [String] = []
  private var random: SplitMix

  init(_ image: StoreImage, seed: UInt64) {
    self.image = image
    bytes = image.bytes
    random = SplitMix(seed: seed)
    let count = [1, 1, 1, 1, 1, 1, 1, 2, 2, 3].randomElement(using: &random)!
    for _ in 0..<count { mutate() }
  }

  private mutating func mutate() {
    guard bytes.count >= Self.block else { return }
    switch Int.random(in: 0..<12, using: &random) {
    case 0, 1: change(someByte(count: 1), "bit") { $0 ^ 1 << UInt8.random(in: 0..<8, using: &$1) }
    case 2:
      change(someByte(count: Int.random(in: 1...9, using: &random)), "bytes") {
        .random(in: 0...255, using: &$1)
      }
    case 3: destroy(range(ofBlock: someBlock()), "block")
    case 4:
      let block = someBlock()
      let count = Int.random(in: 2...5, using: &random)
      destroy(block * Self.block..<min(bytes.count, (block + count) * Self.block), "blocks")
    case 5: destroy(sector(of: someBlock()), "sector")
    case 6: copy(someBlock(), swaps: false)
    case 7: copy(someBlock(), swaps: true)
    case 8: truncate()
    case 9: destroy(range(ofBlock: someHead()), "head")
    case 10: putBack(someBlock())
    default: putBack(someHead())
    }
  }

  // MARK: Where

  private mutating func someBlock() -> Int {
    let block = image.blocksInUse.randomElement(using: &random)!
    // What is empty is hit too, now and then.
    let isAny = Int.random(in: 0..<8, using: &random) == 0 || (block + 1) * Self.block > bytes.count
    return isAny ? Int.random(in: 0..<bytes.count / Self.block, using: &random) : block
  }

  /// The superblock, a block of the ledger, or what a slot begins with.
  private mutating func someHead() -> Int {
    let layout = StoreLayout(slotSize: image.slotSize)
    let heads = [0] + layout.ledgers + (0..<image.slots).map(layout.offset(ofSlot:))
    let head = heads.randomElement(using: &random)! / Self.block
    return (head + 1) * Self.block <= bytes.count ? head : 0
  }

  private func range(ofBlock block: Int) -> Range<Int> { block * Self.block..<(block + 1) * Self.block }

  private mutating func someByte(count: Int) -> Range<Int> {
    let start = someBlock() * Self.block + Int.random(in: 0..<Self.block / 8, using: &random)
    return start..<start + count
  }

  private mutating func sector(of block: Int) -> Range<Int> {
    let start = block * Self.block + Int.random(in: 0..<8, using: &random) * 512
    return start..<start + 512
  }

  // MARK: What

  private mutating func change(
    _ range: Range<Int>, _ word: String, _ byte: (UInt8, inout SplitMix) -> UInt8
  ) {
    words.append("\(word) \(range)")
    for place in range { bytes[place] = byte(bytes[place], &random) }
  }

  private mutating func destroy(_ range: Range<Int>, _ word: String) {
    let isNoise = Bool.random(using: &random)
    change(range, word) { isNoise ? .random(in: 0...255, using: &$1) : 0 }
  }

  /// Written to a wrong place; mostly to the same place of another slot, where it looks right the most.
  private mutating func copy(_ from: Int, swaps: Bool) {
    var to = someBlock()
    let slot = image.slotSize / Self.block
    if Bool.random(using: &random) { to = to / slot * slot + from % slot }
    guard (to + 1) * Self.block <= bytes.count else { return }
    words.append("\(swaps ? "swap" : "copy") of block \(from) and \(to)")
    let (moved, replaced) = (Array(bytes[range(ofBlock: from)]), Array(bytes[range(ofBlock: to)]))
    bytes.replaceSubrange(range(ofBlock: to), with: moved)
    if swaps { bytes.replaceSubrange(range(ofBlock: from), with: replaced) }
  }

  private mutating func truncate() {
    var length = Int.random(in: 0...bytes.count, using: &random)
    if Bool.random(using: &random) { length = length / Self.block * Self.block }
    words.append("cut to \(length)")
    bytes.removeLast(bytes.count - length)
  }

  /// A write that never reached the medium, although it said so.
  private mutating func putBack(_ block: Int) {
    let range = range(ofBlock: block)
    guard let before = image.earlier.randomElement(using: &random), before.count >= range.upperBound else {
      return destroy(range, "block")
    }
    words.append("block \(block) of before")
    bytes.replaceSubrange(range, with: before[range])
  }

  // MARK: What it hit

  /// Blocks that say something else now.
  var hitBlocks: Int {
    (0..<image.bytes.count / Self.block).count { !isUnchanged(range(ofBlock: $0)) }
  }

  func isUnchanged(_ range: Range<Int>) -> Bool {
    guard range.upperBound <= bytes.count else { return false }
    return bytes.withUnsafeBytes { now in
      image.bytes.withUnsafeBytes { before in
        memcmp(now.baseAddress! + range.lowerBound, before.baseAddress! + range.lowerBound, range.count) == 0
      }
    }
  }
}
