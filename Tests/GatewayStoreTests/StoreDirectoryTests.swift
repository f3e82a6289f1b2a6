import CSystem
import GatewayCore
import GatewaySystem
import Glibc
import Synchronization
import Testing

@testable import GatewayStore

/// Real files.
@Suite struct StoreDirectoryTests {
  private let directory = TemporaryDirectory()
  private let mark = StoredMark()
  private var file: String { "\(directory.path)/store-v1" }

  private func open() throws(StoreError) -> DurableStore {
    try DurableStore.open(
      in: StoreDirectory(directory.path), slotSize: smallSlot, capacity: 5 * smallSlot, destinations: ["p"],
      boot: bootA, mark: mark)
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    let file = try FileDescriptor.open(path, O_RDWR | O_CREAT)
    bytes.withUnsafeBytes {
      guard case .success = file.writeAll($0, at: 0) else { return #expect(Bool(false)) }
    }
  }

  private func error(_ body: () throws -> Void) -> StoreError? {
    do { try body() } catch { return error as? StoreError }
    return nil
  }

  @Test func rowsOutliveTheProcessInTheRealFile() throws {
    var stream: StreamID?
    for round in 0..<3 {
      let store = try open()
      #expect(stream == nil || store.stream == stream)
      stream = store.stream
      for _ in 0..<12 { try store.append(rows: 10) }
      #expect(readAll(store.queue(for: "p"), from: 1).rows == Array(1...UInt64(120 * (round + 1))))
      if round == 1 { try store.close() }
    }
    var status = stat()
    #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
    #expect(status.st_size <= 6 * smallSlot)
  }

  /// One thread appends and turns slots over while two read and acknowledge.
  @Test func readersNeverSeeWhatIsHalfWritten() throws {
    let store = try DurableStore.open(
      in: StoreDirectory(directory.path), slotSize: smallSlot, capacity: 6 * smallSlot,
      destinations: ["one", "two"], boot: bootA, mark: mark)
    let commits = 600
    let last = UInt64(commits * 10)
    let one = Drain(store.queue(for: "one"), until: last)
    let two = Drain(store.queue(for: "two"), until: last)
    let first = try WorkerThread(name: "one") { one.run() }
    let second = try WorkerThread(name: "two") { two.run() }
    for _ in 0..<commits { try store.append(rows: 10) }
    first.join()
    second.join()
    for (name, drain) in [("one", one), ("two", two)] {
      #expect(drain.mistakes.withLock { $0 } == [])
      #expect(store.books(of: name)!.queued == 0 && store.books(of: name)!.damaged == 0)
    }
    expectBalance(store, ["one", "two"])
  }

  /// Reads and acknowledges all rows in order; eviction may be faster, which is no mistake.
  private final class Drain: Sendable {
    private let queue: any DeliveryQueue
    private let last: UInt64
    let mistakes = Mutex<[String]>([])

    init(_ queue: any DeliveryQueue, until last: UInt64) {
      self.queue = queue
      self.last = last
    }

    func run() {
      guard let stored = try? EventSignal() else { return }
      queue.onStored { stored.raise() }
      while queue.settledThrough < last {
        let seq = queue.settledThrough + 1
        switch queue.read(at: seq) {
        case .commit(let commit):
          if commit.payload != DurableStore.payload(first: commit.firstSeq, rows: commit.rowCount) {
            mistakes.withLock { $0.append("row \(seq) is false") }
          }
          queue.acknowledge(seq...commit.lastSeq, as: .delivered)
        case .gap(let through) where through > queue.settledThrough:
          mistakes.withLock { $0.append("rows \(seq)...\(through) are missing") }
          return
        case .gap: continue
        case .end: stored.wait(timeout: .seconds(1))
        }
      }
    }
  }

  @Test func theRealLayoutIsReadyAtOnce() throws {
    let store = try DurableStore.open(
      directory: directory.path, capacity: 64 << 20, destinations: ["p"], boot: bootA, mark: mark)
    try store.append(rows: 1000, bytes: 10_000)
    var status = stat()
    #expect(stat(file, &status) == 0 && status.st_size == 12 << 20)
    #expect(store.maximumPayload >= 1 << 20 && store.usage.fault == nil)
    #expect(readAll(store.queue(for: "p")).rows.count == 1000)
  }

  @Test func aSecondDaemonIsRefused() throws {
    let store = try open()
    guard case .busy(let text) = error({ _ = try open() }) else { return #expect(Bool(false)) }
    #expect(text.contains("another gatewayd"))
    try store.append(rows: 1)
  }

  @Test func linksAndFifosAreNotOpened() throws {
    try write([1, 2, 3], to: "\(directory.path)/target")
    for prepare in [
      { symlink("\(directory.path)/target", file) }, { mkfifo(file, 0o600) },
      { link("\(directory.path)/target", file) }, { mkdir(file, 0o700) },
    ] {
      #expect(prepare() == 0)
      guard case .unusable = error({ _ = try open() }) else { return #expect(Bool(false)) }
      _ = unlink(file)
      _ = rmdir(file)
    }
    #expect(try readFile("\(directory.path)/target") == [1, 2, 3])
    _ = try open()
  }

  @Test func aDirectoryThatIsMissingIsAwayAndOneOpenToAllIsRefused() throws {
    guard case .away = error({ _ = try StoreDirectory("\(directory.path)/none") }) else {
      return #expect(Bool(false))
    }
    chmod(directory.path, 0o777)
    guard case .unusable(let text) = error({ _ = try open() }) else { return #expect(Bool(false)) }
    #expect(text.contains("0700"))
  }

  @Test func aForeignFileIsKeptUnderAnotherName() throws {
    let bytes = Array("someone's letters".utf8)
    for number in 1...2 {
      try write(bytes, to: file)
      let store = try open()
      #expect(store.notes.contains { $0.contains("store-v1.foreign-\(number)") })
      #expect(try readFile("\(file).foreign-\(number)") == bytes)
      try store.append(rows: 1)
      unlink(file)
    }
  }

  @Test func anEmptyOrZeroFileIsTakenAsNew() throws {
    try write([UInt8](repeating: 0, count: 100_000), to: file)
    let store = try open()
    try store.append(rows: 1)
    #expect(store.notes.isEmpty)
  }

  /// The superblock comes last when a store is made; a power cut may leave noise in its place and nothing else.
  @Test func aFormatThatAPowerCutEndedIsBegunAgain() throws {
    var bytes = [UInt8](repeating: 0, count: 3 * smallSlot)
    for place in 0..<512 { bytes[place] = UInt8(truncatingIfNeeded: place * 37 + 11) }
    try write(bytes, to: file)
    let store = try open()
    try store.append(rows: 1)
    #expect(store.notes.isEmpty && access("\(file).foreign-1", F_OK) != 0)
  }

  @Test func whatIsAsLongAsAStoreButNotEmptyIsForeign() throws {
    var bytes = [UInt8](repeating: 0, count: 3 * smallSlot)
    bytes[2 * smallSlot] = 1
    try write(bytes, to: file)
    _ = try open()
    #expect(try readFile("\(file).foreign-1") == bytes)
  }

  @Test func aStoreOfANewerGatewayIsLeftAlone() throws {
    var buffer = ByteBuffer()
    Superblock(slotSize: smallSlot).append(to: &buffer)
    buffer.withMutableBytes { $0.storeBytes(of: 4, toByteOffset: 10, as: UInt16.self) }
    buffer.seal(crcAt: 16, over: 0..<16)
    let bytes = buffer.copyBytes()
    try write(bytes, to: file)
    guard case .newer(let text) = error({ _ = try open() }) else { return #expect(Bool(false)) }
    #expect(text.contains("format 4"))
    #expect(try readFile(file) == bytes)
  }

  private func setAside() -> Int {
    var status = stat()
    return stat(file, &status) == 0 ? Int(status.st_blocks) * 512 : 0
  }

  @Test func aSmallerCapacityGivesBackWhatALargerOneHadSetAside() throws {
    let wanted = 64 << 20
    for capacity in [wanted, 8 * smallSlot] {
      let store = try DurableStore.open(
        in: StoreDirectory(directory.path), slotSize: smallSlot, capacity: capacity, destinations: ["p"],
        boot: bootA, mark: mark)
      if store.storedThrough == 0 { try store.append(rows: 10) }
      #expect(store.storedThrough == 10)
      // A file system may set nothing aside; then there is nothing to give back.
      #expect(capacity == wanted || setAside() < 4 << 20)
    }
  }

  @Test func aFileThatIsDeletedUnderTheStoreIsAFault() throws {
    let store = try open()
    try store.append(rows: 10)
    #expect(store.usage.fault == nil)
    unlink(file)
    #expect(store.usage.fault?.contains("was deleted or moved under the gateway") == true)
  }

  @Test func aStoreThatIsGoneAtTheNextStartIsMissed() throws {
    let stream = try {
      let store = try open()
      try store.append(rows: 10)
      return store.stream
    }()
    unlink(file)
    let notes = try open().notes
    #expect(notes == ["the store that held rows up to 10 of stream \(stream) is gone; it begins anew"])
  }

  @Test func aFileThatIsNotPlainlyOursIsToBeKept() throws {
    try { try open().append(rows: 10) }()
    #expect(link(file, "\(directory.path)/second") == 0)
    let sentence = error { _ = try open() }?.description
    #expect(sentence?.hasSuffix("it has 2 names; remove the others; it may hold rows, so keep it") == true)
    unlink("\(directory.path)/second")
    #expect(try open().storedThrough == 10)
  }
}
