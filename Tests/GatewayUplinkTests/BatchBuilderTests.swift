import GatewayCore
import GatewayUplink
import Testing

@Suite struct BatchBuilderTests {
  private func destination(rows: Int = 1000, bytes: Int = 512 << 10, gzip: Bool = false) -> DestinationConfig
  {
    DestinationConfig(
      name: "platform", url: "http://127.0.0.1/", usesGzip: gzip, maximumReadings: rows, maximumBytes: bytes)
  }

  private func text(_ batch: borrowing SealedBatch) -> String {
    batch.withBody { String(decoding: $0, as: UTF8.self) }
  }

  @Test func aBatchHoldsConsecutiveRowsOfSeveralCommits() throws {
    let queue = MemoryQueue()
    for count in [1, 5, 20, 4] { queue.store(count) }
    var builder = BatchBuilder(destination(rows: 12), gateway: "cabinet", queue: queue)
    var batch = SealedBatch()
    var ranges: [ClosedRange<UInt64>] = []
    while true {
      builder.fill(rowLimit: 12, through: queue.storedThrough, isEnd: false)
      guard let rows = builder.rows else { break }
      #expect(builder.isComplete == (rows.count == 12))
      builder.seal(into: &batch)
      ranges.append(batch.rows)
      #expect(
        batch.head.headers == ["Idempotency-Key: \"6b22b4c8d7155218-\(rows.lowerBound)-\(rows.upperBound)\""])
      let document = try JSONValue(parsing: text(batch))
      #expect(document["first"]?.unsignedInteger == rows.lowerBound)
      #expect(document["last"]?.unsignedInteger == rows.upperBound)
      #expect(document["readings"]?.array?.map { $0["seq"]?.unsignedInteger } == Array(rows))
      #expect(document["readings"]?.array?.map { $0["value"]?.unsignedInteger } == rows.map { $0 * 3 })
    }
    #expect(ranges == [1...12, 13...24, 25...30])
  }

  @Test func rowsOfTwoStreamsNeverShareABatch() throws {
    let queue = MemoryQueue()
    queue.store(3)
    queue.change(stream: StreamID(bits: 0xAB))
    for count in [2, 2] { queue.store(count) }
    var builder = BatchBuilder(destination(), gateway: "cabinet", queue: queue)
    var batch = SealedBatch()
    builder.fill(rowLimit: 100, through: queue.storedThrough, isEnd: false)
    let endsAtTheStream = builder.isComplete
    #expect(endsAtTheStream)
    builder.seal(into: &batch)
    #expect(batch.head.headers == ["Idempotency-Key: \"6b22b4c8d7155218-1-3\""])
    builder.fill(rowLimit: 100, through: queue.storedThrough, isEnd: false)
    builder.seal(into: &batch)
    #expect(batch.head.headers == ["Idempotency-Key: \"00000000000000ab-4-7\""])
    #expect(try JSONValue(parsing: text(batch))["stream"]?.string == "00000000000000ab")
  }

  @Test func noBatchIsLargerThanItsBytes() {
    let queue = MemoryQueue()
    queue.store(500)
    var builder = BatchBuilder(destination(bytes: 4096), gateway: "cabinet", queue: queue)
    var batch = SealedBatch()
    var last: UInt64 = 0
    while last < 500 {
      builder.fill(rowLimit: 1000, through: queue.storedThrough, isEnd: false)
      builder.seal(into: &batch)
      #expect(batch.rows.lowerBound == last + 1)
      last = batch.rows.upperBound
      let size = text(batch).utf8.count
      #expect(size <= 4096 && (size > 3000 || last == 500))
    }
  }

  @Test func theCompressedBodyIsTheJSON() throws {
    let queue = MemoryQueue()
    queue.store(100)
    var plain = BatchBuilder(destination(), gateway: "cabinet", queue: queue)
    var compressed = BatchBuilder(destination(gzip: true), gateway: "cabinet", queue: queue)
    var one = SealedBatch()
    var two = SealedBatch()
    plain.fill(rowLimit: 1000, through: 100, isEnd: false)
    plain.seal(into: &one)
    compressed.fill(rowLimit: 1000, through: 100, isEnd: false)
    compressed.seal(into: &two)
    let body = two.withBody { Array($0) }
    #expect(inflate(body).map { String(decoding: $0, as: UTF8.self) } == text(one))
  }

  @Test func aBatchEndsBeforeAGap() {
    let queue = MemoryQueue()
    for _ in 0..<3 { queue.store(10) }
    queue.change { $0.damaged = [11] }
    var builder = BatchBuilder(destination(), gateway: "cabinet", queue: queue)
    builder.fill(rowLimit: 1000, through: queue.storedThrough, isEnd: false)
    #expect(builder.rows == 1...10 && builder.isComplete && builder.lost == 11...20)
    var batch = SealedBatch()
    builder.seal(into: &batch)
    builder.fill(rowLimit: 1000, through: queue.storedThrough, isEnd: false)
    #expect(builder.rows == nil && builder.lost == 11...20)
    builder.skipLost()
    builder.fill(rowLimit: 1000, through: queue.storedThrough, isEnd: false)
    #expect(builder.rows == 21...30 && !builder.isComplete && builder.lost == nil)
  }

  @Test func whatCannotBeDecodedIsLostFromThereToTheEndOfItsCommit() {
    let queue = MemoryQueue()
    queue.store(10)
    queue.store(10)
    queue.change { $0.commits[0].payload = Array($0.commits[0].payload.prefix(20)) }
    var builder = BatchBuilder(destination(), gateway: "cabinet", queue: queue)
    builder.fill(rowLimit: 1000, through: queue.storedThrough, isEnd: false)
    let rows = builder.rows
    #expect(builder.isComplete && rows?.lowerBound == 1)
    #expect(builder.lost == (rows?.upperBound ?? 0) + 1...10)
  }

  @Test func aRowOfAnUnknownPointIsLostWithTheRestOfItsCommit() {
    let queue = MemoryQueue()
    var rows = (1...4).map { MemoryQueue.row(UInt64($0)) }
    rows[2].point = 77
    queue.store(rows)
    var builder = BatchBuilder(destination(), gateway: "cabinet", queue: queue)
    builder.fill(rowLimit: 1000, through: queue.storedThrough, isEnd: false)
    #expect(builder.rows == 1...2 && builder.lost == 3...4)
  }

  @Test func rowsWithoutTheirCatalogueAreLost() {
    let queue = MemoryQueue()
    queue.store(10)
    queue.change { $0.knowsCatalogue = false }
    var builder = BatchBuilder(destination(), gateway: "cabinet", queue: queue)
    builder.fill(rowLimit: 1000, through: queue.storedThrough, isEnd: false)
    #expect(builder.rows == nil && builder.lost == 1...10)
  }

  @Test func restartingInsideACommitGivesTheSameBytes() {
    let queue = MemoryQueue()
    queue.store(50)
    var builder = BatchBuilder(destination(rows: 10), gateway: "cabinet", queue: queue)
    var one = SealedBatch()
    var two = SealedBatch()
    for _ in 0..<3 {
      builder.fill(rowLimit: 10, through: queue.storedThrough, isEnd: false)
      builder.seal(into: &one)
    }
    builder.restart(at: 21)
    builder.fill(rowLimit: 10, through: queue.storedThrough, isEnd: false)
    builder.seal(into: &two)
    #expect(one.rows == 21...30 && one.head == two.head && text(one) == text(two))
  }

  @Test func aBatchEndsAtTheRowThatTheCallerSays() {
    let queue = MemoryQueue()
    for _ in 0..<3 { queue.store(10) }
    queue.change { $0.damaged = [21] }
    var builder = BatchBuilder(destination(), gateway: "cabinet", queue: queue, from: 5)
    builder.fill(rowLimit: 1000, through: 15, isEnd: false)
    #expect(builder.rows == 5...15 && !builder.isComplete)
    builder.fill(rowLimit: 1000, through: 17, isEnd: true)
    #expect(builder.rows == 5...17 && builder.isComplete)
    // What is lost ends there as well.
    builder.restart(at: 18)
    builder.fill(rowLimit: 1000, through: 24, isEnd: true)
    #expect(builder.rows == 18...20 && builder.isComplete && builder.lost == 21...24)
  }
}
