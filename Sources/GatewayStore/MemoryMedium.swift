package import GatewayCore
package import GatewaySystem
internal import Glibc
internal import Synchronization

/// A medium in memory, for rows while the disk is away: as durable as the process. Takes only the pages that were
/// written, gives them back when it goes, and is full at its limit.
package final class MemoryMedium: BlockDevice {
  private struct State: @unchecked Sendable {
    // Sendable: reached through the lock alone.
    let base: UnsafeMutableRawPointer
    var size = 0
  }

  private let limit: Int
  private let state: Mutex<State>

  /// `limit`: bytes.
  package init(limit: Int) throws(SystemError) {
    // The kernel gives a page when it is first written.
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let base = mmap(nil, limit, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
      throw SystemError("cannot set \(limit >> 10) KiB of memory aside", code: errno)
    }
    self.limit = limit
    state = Mutex(State(base: base))
  }

  deinit { state.withLock { _ = munmap($0.base, limit) } }

  package var size: Int { state.withLock { $0.size } }

  package func read(into room: UnsafeMutableRawBufferPointer, at offset: Int) -> Result<Int, Errno> {
    state.withLock { state in
      let count = max(0, min(room.count, state.size - offset))
      room.copyMemory(from: UnsafeRawBufferPointer(start: state.base + min(offset, limit), count: count))
      return .success(count)
    }
  }

  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Result<Void, Errno> {
    guard let source = bytes.baseAddress else { return .success(()) }
    guard offset + bytes.count <= limit else { return .failure(Errno(code: ENOSPC)) }
    return state.withLock { state in
      // Zeros on pages that nobody has written cost nothing: looking at one takes none.
      if memcmp(state.base + offset, source, bytes.count) != 0 {
        memcpy(state.base + offset, source, bytes.count)
      }
      state.size = max(state.size, offset + bytes.count)
      return .success(())
    }
  }

  package func synchronize() -> Result<Void, Errno> { .success(()) }
  package func reserve(_ length: Int) -> Result<Void, Errno> { .success(()) }
  package func dropCache() {}
}

extension DurableStore {
  /// Small, so that the rows of a few hours fit once they are packed, and little is lost when room runs out.
  private static let smallestSlot = 256 << 10

  /// A store in at most `capacity` bytes of memory, with a stream of its own, that takes commits and descriptions of
  /// `longestPayload` bytes; where these are long, the two slots that it needs may measure more. Throws `unusable`.
  package static func inMemory(
    capacity: Int, longestPayload: Int, destinations: [String], boot: BootID,
    clocks: BootClocks = BootClocks()
  ) throws(StoreError) -> DurableStore {
    var slotSize = smallestSlot
    while slotSize < StoreFormat.slotSize, StoreLayout(slotSize: slotSize).maximumPayload < longestPayload {
      slotSize *= 2
    }
    let layout = StoreLayout(slotSize: slotSize)
    let bytes = layout.offset(ofSlot: layout.slots(inCapacity: capacity))
    let medium: MemoryMedium
    do throws(SystemError) { medium = try MemoryMedium(limit: bytes) } catch { throw .unusable("\(error)") }
    return try DurableStore(
      device: medium, slotSize: slotSize, capacity: bytes, destinations: destinations, boot: boot,
      mark: StoredMark(), clocks: clocks)
  }
}
