import GatewayCore
import GatewaySystem
import Glibc
import Testing

@testable import GatewayStore

let bootA = BootID(high: 1, low: 2)
let bootB = BootID(high: 3, low: 4)
let smallSlot = 64 << 10

let sampleCatalogue = Catalogue(points: [
  PointDescription(name: "a.t", unit: "CEL", kind: .gauge, window: .raw, functions: .standard)
])

/// Opens a store with small slots, so that a few commits fill one.
func openSmall(
  _ device: MemoryDevice, slots: Int = 4, destinations: [String] = ["p"], boot: BootID = bootA
) throws(StoreError) -> DurableStore {
  try DurableStore(
    device: device, slotSize: smallSlot, capacity: (slots + 1) * smallSlot, destinations: destinations,
    boot: boot, mark: device.mark)
}

extension DurableStore {
  /// Appends the next `rows` rows; the payload tells their numbers and is `bytes` long.
  func append(rows: Int, bytes: Int = 100, at seconds: Int64 = 1, catalogue: Catalogue = sampleCatalogue)
    throws
  {
    let first = storedThrough + 1
    try Self.payload(first: first, rows: rows, bytes: bytes).withUnsafeBytes {
      try append(
        payload: $0, rowCount: rows, catalogue: catalogue,
        time: Timestamp(microseconds: seconds * 1_000_000))
    }
  }

  static func payload(first: UInt64, rows: Int, bytes: Int = 100) -> [UInt8] {
    var payload = [UInt8](repeating: UInt8(truncatingIfNeeded: rows), count: bytes)
    for place in 0..<min(8, bytes) { payload[place] = UInt8(truncatingIfNeeded: first >> (8 * place)) }
    return payload
  }
}

/// Every row from `seq` on that can be read, and the numbers of those that cannot.
func readAll(_ queue: any DeliveryQueue, from seq: UInt64? = nil) -> (rows: [UInt64], gaps: [UInt64]) {
  var next = seq ?? queue.settledThrough + 1
  var rows: [UInt64] = []
  var gaps: [UInt64] = []
  while true {
    switch queue.read(at: next) {
    case .commit(let commit):
      #expect(commit.firstSeq <= next && next <= commit.lastSeq)
      #expect(
        commit.payload
          == DurableStore.payload(
            first: commit.firstSeq, rows: commit.rowCount, bytes: commit.payload.count))
      rows += next...commit.lastSeq
      next = commit.lastSeq + 1
    case .gap(let through):
      #expect(through >= next)
      gaps += next...through
      next = through + 1
    case .end: return (rows, gaps)
    }
  }
}

func expectBalance(_ store: DurableStore, _ destinations: [String] = ["p"]) {
  for destination in destinations {
    let books = store.books(of: destination)!
    #expect(books.stored == books.delivered + books.queued + books.evicted + books.quarantined)
    #expect(books.damaged <= books.evicted)
    #expect(books.stored == store.storedThrough)
  }
}

/// A directory under /tmp, removed with everything in it at the end.
final class TemporaryDirectory {
  let path: String

  init() {
    var template = Array("/tmp/gateway-store-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
  }

  deinit { remove(path) }

  private func remove(_ path: String) {
    guard let directory = opendir(path) else { return }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { unlink("\(path)/\(name)") }
    }
    closedir(directory)
    rmdir(path)
  }
}
