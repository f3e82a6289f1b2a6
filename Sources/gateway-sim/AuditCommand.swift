internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem

/// `gateway-sim audit`: for each line `CAPACITY DIRECTORY` on standard input, opens the store there as the daemon's
/// start does behind a power cut (another boot, no mark) and says in one line of JSON what it holds. The rig in
/// `Tests/PowerCut` holds that against what was promised. Opening writes: give it a copy.
///
///     {"stream":"HEX","books":[stored,delivered,queued,evicted,damaged,thinned,quarantined],"notes":["…"],
///      "runs":[[first,last,[["HEX",first,rows,CRC-32C of the payload,fault],…],[[first,last],…]],…]}
///
/// `stream` is that of the rows to come. `runs` are those of queued rows, each with the commits that hold them and with
/// the gaps where none does. `fault`: 0 none, 1 no catalogue, 2 rows that cannot be decoded. A store that does not open
/// is `{"error":"…"}`.
enum AuditCommand {
  private static let destination = "platform"

  static func run(_ words: inout Words) throws(UsageError) {
    if let word = words.next() { throw UsageError("unknown option \"\(word)\"") }
    while let line = readLine() {
      let parts = line.split(separator: " ", maxSplits: 1)
      guard parts.count == 2, let capacity = Int(parts[0]) else {
        throw UsageError("audit reads lines such as \"12582912 /var/lib/gateway\"")
      }
      printOut(text(audit(String(parts[1]), capacity: capacity)) + "\n")
    }
  }

  private static func audit(_ directory: String, capacity: Int) -> JSONValue {
    do throws(StoreError) {
      let store = try DurableStore.open(
        directory: directory, capacity: capacity, destinations: [destination],
        boot: BootID(high: .random(in: 1 ... .max), low: 0), mark: StoredMark())
      return contents(of: store)
    } catch {
      return .object(["error": .string("\(error)")])
    }
  }

  private static func contents(of store: DurableStore) -> JSONValue {
    let queue = store.queue(for: destination)
    var runs: [JSONValue] = []
    var seq: UInt64 = 1
    while let run = queue.pending(from: seq) {
      let (commits, gaps) = contents(of: run, in: queue)
      runs.append(
        .array([.unsigned(run.lowerBound), .unsigned(run.upperBound), .array(commits), .array(gaps)]))
      seq = run.upperBound + 1
    }
    let books = store.overallBooks
    let numbers = [
      books.stored, books.delivered, books.queued, books.evicted, books.damaged, books.thinned,
      books.quarantined,
    ]
    return .object([
      "stream": .string("\(store.stream)"), "books": .array(numbers.map { .unsigned($0) }),
      "notes": .array(store.notes.map { .string($0) }), "runs": .array(runs),
    ])
  }

  private static func contents(
    of run: ClosedRange<UInt64>, in queue: any DeliveryQueue
  ) -> (commits: [JSONValue], gaps: [JSONValue]) {
    var (commits, gaps): ([JSONValue], [JSONValue]) = ([], [])
    var seq = run.lowerBound
    while seq <= run.upperBound {
      switch queue.read(at: seq) {
      case .commit(let commit):
        commits.append(summary(of: commit, hasCatalogue: queue.catalogue(commit.catalogueID) != nil))
        seq = commit.lastSeq + 1
      case .gap(let through):
        gaps.append(.array([.unsigned(seq), .unsigned(through)]))
        seq = through + 1
      case .end: return (commits, gaps)
      }
    }
    return (commits, gaps)
  }

  private static func summary(of commit: StoredCommit, hasCatalogue: Bool) -> JSONValue {
    let (digest, decodes) = commit.payload.withUnsafeBytes { payload in
      var rows = RowDecoder(payload, rowCount: commit.rowCount)
      var count = 0
      while let row = try? rows.next() { count += row.point >= 0 ? 1 : 0 }
      return (CRC32C.of(payload), count == commit.rowCount)
    }
    let fault: UInt64 = decodes ? (hasCatalogue ? 0 : 1) : 2
    return .array([
      .string("\(commit.stream)"), .unsigned(commit.firstSeq), .unsigned(UInt64(commit.rowCount)),
      .unsigned(UInt64(digest)), .unsigned(fault),
    ])
  }

  private static func text(_ value: JSONValue) -> String {
    var buffer = ByteBuffer(capacity: 4096)
    JSONWriter.append(value, to: &buffer)
    return buffer.withBytes { String(decoding: $0, as: UTF8.self) }
  }
}
