internal import GatewayCore
internal import GatewaySystem

/// Writes the ledger to its two blocks in turn, so that one of them is whole at any instant: the block that
/// the last success went to is never touched before the other one is durable.
struct LedgerWriter: ~Copyable {
  /// Ids that the medium's ledger is ahead by: as many segments may be begun or packed before it is written again. An id
  /// that was used twice would bring back what a cut has left of the first one.
  private static let spareSegments: UInt64 = 1024

  private let device: any BlockDevice
  private let offsets: [Int]
  private var place: Int
  private var generation: UInt64
  private var buffer = ByteBuffer(capacity: StoreFormat.block)
  /// What the block on the medium says, for certain; it may have forgotten runs for want of room.
  private(set) var durable: DeliveryLedger
  private var pending = DeliveryLedger()

  init(device: any BlockDevice, recovery: borrowing Recovery) {
    self.device = device
    offsets = recovery.layout.ledgers
    place = 1 - recovery.ledgerPlace
    generation = recovery.ledger?.generation ?? 0
    durable = recovery.ledger?.ledger ?? DeliveryLedger()
  }

  /// Writes without waiting for the medium; `confirm` follows after a synchronisation that succeeded. A
  /// failure needs no call: the same block is written again, with a higher generation.
  mutating func write(_ block: LedgerBlock) -> Result<Void, Errno> {
    var block = block
    generation += 1
    block.generation = generation
    block.nextSegment += Self.spareSegments
    block.ledger = LedgerBlock.fitting(block.ledger, after: durable)
    pending = block.ledger
    buffer.removeAll()
    block.append(to: &buffer)
    return buffer.withBytes { device.write($0, at: offsets[place]) }
  }

  mutating func confirm() {
    durable = pending
    place = 1 - place
  }

  /// Writes and waits. Where one block's place on the medium is bad, the other one is used.
  mutating func writeDurably(_ block: LedgerBlock) -> Result<Void, Errno> {
    var result = write(block).flatMap { device.synchronize() }
    if case .failure = result {
      place = 1 - place
      result = write(block).flatMap { device.synchronize() }
    }
    if case .success = result { confirm() } else { place = 1 - place }
    return result
  }
}
