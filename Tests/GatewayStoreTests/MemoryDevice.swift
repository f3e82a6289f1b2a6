import GatewayStore
import GatewaySystem
import Glibc

/// A file over a flash medium, as Linux shows it: writes land in a cache, `synchronize` moves them to the
/// medium. It can fail, die at a given call, tear what is in flight, and lose what a failed fdatasync did not
/// write while the cache still shows it. For one thread.
final class MemoryDevice: BlockDevice, @unchecked Sendable {
  /// Beside the device: survives a kill like the page cache; a power cut comes with another boot.
  let mark = StoredMark()
  private(set) var cache: [UInt8] = []
  private(set) var medium: [UInt8] = []
  private var inFlight: [Range<Int>] = []
  /// Asked before each write and synchronisation; what it returns is the failure.
  var fault: (Call) -> Int32? = { _ in nil }
  /// Writes and synchronisations that still go through before the power goes; nil: all.
  var callsToLive: Int?
  /// After a failed fdatasync Linux takes the pages for clean: what they held never reaches the medium.
  var losesWhatFailed = true
  var unreadable: Range<Int>?
  /// Bytes that there are for the file; nil: as many as it wants.
  var room: Int?
  private(set) var synchronizations = 0

  enum Call: Equatable { case write(Range<Int>), synchronize }

  init() {}
  init(_ bytes: [UInt8]) {
    cache = bytes
    medium = bytes
  }

  var size: Int { cache.count }

  func read(into room: UnsafeMutableRawBufferPointer, at offset: Int) -> Result<Int, Errno> {
    guard offset < cache.count else { return .success(0) }
    let range = offset..<min(offset + room.count, cache.count)
    if let unreadable, unreadable.overlaps(range) { return .failure(Errno(code: EIO)) }
    cache.withUnsafeBytes { room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[range])) }
    return .success(range.count)
  }

  private func failure(of call: Call) -> Errno? {
    if let calls = callsToLive {
      callsToLive = max(calls - 1, 0)
      if calls == 0 { return Errno(code: EIO) }
    }
    return fault(call).map(Errno.init)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Result<Void, Errno> {
    let range = offset..<offset + bytes.count
    if let error = failure(of: .write(range)) {
      // As a short write does: a part of it is there.
      if callsToLive != 0 { put(UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 3)]), at: offset) }
      return .failure(error)
    }
    if let room, range.upperBound > room {
      put(UnsafeRawBufferPointer(rebasing: bytes[..<max(room - offset, 0)]), at: offset)
      return .failure(Errno(code: ENOSPC))
    }
    put(bytes, at: offset)
    return .success(())
  }

  private func put(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    let end = offset + bytes.count
    if end > cache.count { cache += [UInt8](repeating: 0, count: end - cache.count) }
    cache.withUnsafeMutableBytes { $0[offset..<end].copyBytes(from: bytes) }
    inFlight.append(offset..<end)
  }

  func synchronize() -> Result<Void, Errno> {
    if let error = failure(of: .synchronize) {
      if callsToLive != 0, losesWhatFailed { inFlight = [] }
      return .failure(error)
    }
    growMedium()
    for range in inFlight { copyToMedium(range) }
    inFlight = []
    synchronizations += 1
    return .success(())
  }

  func reserve(_ length: Int) -> Result<Void, Errno> {
    length > room ?? .max ? .failure(Errno(code: ENOSPC)) : .success(())
  }

  func dropCache() { cache = medium }

  private func growMedium() {
    if medium.count < cache.count { medium += [UInt8](repeating: 0, count: cache.count - medium.count) }
  }

  private func copyToMedium(_ range: Range<Int>) {
    medium.withUnsafeMutableBytes { medium in
      cache.withUnsafeBytes { cache in
        medium[range].copyBytes(from: UnsafeRawBufferPointer(rebasing: cache[range]))
      }
    }
  }

  /// Each sector in flight is on the medium, or is not, or is noise.
  func cutPower(_ random: inout some RandomNumberGenerator) {
    growMedium()
    for range in inFlight {
      for start in stride(from: range.lowerBound, to: range.upperBound, by: 512) {
        let sector = start..<min(start + 512, range.upperBound)
        switch UInt8.random(in: 0..<5, using: &random) {
        case 0, 1: copyToMedium(sector)
        case 2: for place in sector { medium[place] = UInt8.random(in: 0...255, using: &random) }
        default: break
        }
      }
    }
    restart()
  }

  /// The process ended, the machine did not: what was written is written.
  func kill() {
    callsToLive = nil
    fault = { _ in nil }
  }

  private func restart() {
    inFlight = []
    cache = medium
    kill()
  }

  /// Changes bytes on the medium (and what is read from now on).
  func damage(_ range: Range<Int>, _ byte: (UInt8) -> UInt8) {
    for place in range {
      medium[place] = byte(medium[place])
      cache[place] = medium[place]
    }
  }

  func truncate(to length: Int) {
    medium.removeLast(medium.count - length)
    cache = medium
    inFlight = []
  }
}
