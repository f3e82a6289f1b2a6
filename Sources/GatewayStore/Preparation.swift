internal import GatewayCore
internal import GatewaySystem
private import Glibc

/// Makes a recovered or empty file ready to be written: the least of zero-filled slots, a superblock, and a
/// ledger that says that a new life has begun.
struct Preparation {
  private let device: any BlockDevice
  private let recovery: Recovery
  private(set) var map: SegmentMap
  private(set) var notes: [String]
  private(set) var spaceFault: String?
  private(set) var bytesWritten: UInt64 = 0

  init(device: any BlockDevice, recovery: Recovery, notes: [String]) {
    self.device = device
    self.recovery = recovery
    self.notes = notes
    map = recovery.map
  }

  /// Zero-fills what the file lacks of `slots` slots, and the rest of a last slot that was cut, then writes
  /// the superblock if there is none. In this order, so that a superblock always has its slots.
  mutating func makeRoom(slots: Int) throws(StoreError) {
    let layout = recovery.layout
    let wanted = layout.offset(ofSlot: max(slots, layout.slots(inFileOf: device.size)))
    if device.size < wanted {
      bytesWritten += UInt64(wanted - device.size)
      let result = device.zero(device.size..<wanted).flatMap { device.synchronize() }
      if case .failure(let error) = result { throw unprepared(error, bytes: wanted) }
    }
    while map.slotCount < layout.slots(inFileOf: wanted) { map.addSlot() }
    guard recovery.superblock?.version ?? 0 < StoreFormat.version else { return }
    if recovery.superblock == nil, recovery.hasAnythingOfOurs {
      notes.append("the superblock was destroyed; it was written again")
    }
    var buffer = ByteBuffer(capacity: StoreFormat.block)
    Superblock(slotSize: layout.slotSize).append(to: &buffer)
    let result = buffer.withBytes { device.write($0, at: 0) }.flatMap { device.synchronize() }
    if case .failure(let error) = result { throw unprepared(error, bytes: wanted) }
  }

  private func unprepared(_ error: Errno, bytes: Int) -> StoreError {
    .refused(
      "cannot prepare store \"\(device.name)\": \(SystemError.text(error.code));"
        + " its file system must be writable and have room for \(bytes >> 20) MiB", code: error.code)
  }

  struct Start {
    var ledger: DeliveryLedger
    var stream: StreamID
    var isDurable: Bool
  }

  /// Puts the new life on record before its first row: only then may the stream go on, because a ledger that
  /// still says "closed in order" would vouch for a log that has grown and been cut since.
  mutating func begin(
    with ledger: DeliveryLedger, proven: StreamID?, boot: BootID, writer: inout LedgerWriter
  ) -> Start {
    let fresh = StreamID(bits: UInt64.random(in: 1 ... .max))
    var stream = proven ?? fresh
    let block = LedgerBlock(
      generation: 0, stream: stream, boot: boot, nextSegment: recovery.nextSegment, isClosed: false,
      ledger: ledger)
    var isDurable = true
    // Twice behind a store that was closed: neither block must say so any more once rows follow.
    for _ in 0..<(recovery.ledger?.isClosed == true ? 2 : 1) where isDurable {
      bytesWritten += UInt64(StoreFormat.block)
      guard case .failure(let error) = writer.writeDurably(block) else { continue }
      notes.append("cannot write the ledger: \(SystemError.text(error.code))")
      stream = fresh
      isDurable = false
    }
    if recovery.ledger == nil && recovery.hasAnythingOfOurs && recovery.superblock != nil {
      notes.append("both ledger blocks were destroyed; every row that is stored is sent again")
    }
    return Start(ledger: ledger, stream: stream, isDurable: isDurable)
  }

  /// Sets the whole capacity aside, so that nobody else can fill the medium up under the store.
  mutating func reserve(_ bytes: Int) {
    // What a larger capacity had set aside; a file system counts blocks of its own for a file.
    device.giveBack(beyond: bytes + bytes / 64 + (1 << 20))
    guard device.size < bytes, case .failure(let error) = device.reserve(bytes) else { return }
    let text =
      "cannot reserve \(bytes >> 20) MiB for the store: \(SystemError.text(error.code));"
      + " it grows as long as there is room: set a smaller \"capacity\" or make room"
    notes.append(text)
    // A file system without fallocate(2) is no fault, a full one is.
    if error.code == ENOSPC { spaceFault = text }
  }
}
