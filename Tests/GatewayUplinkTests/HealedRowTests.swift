import GatewayCore
import GatewayUplink
import Testing

/// Rows that get their time between being read and being sent.
@Suite struct HealedRowTests {
  private static let boot = BootID(high: 0, low: 0)
  private static let start: Int64 = 1_790_000_000_000_000
  private static let destination = DestinationConfig(
    name: "platform", url: "http://127.0.0.1/", usesGzip: false, maximumReadings: 8, linger: .seconds(1))

  private static func clocks() -> BootClocks {
    let clocks = BootClocks()
    clocks.update {
      $0.begin(boot, at: BootTime(microseconds: 0), laterThan: nil)
      return true
    }
    return clocks
  }

  private static func learn(_ clocks: BootClocks) {
    clocks.update {
      $0.know(boot, offset: start, correction: 0)
      return true
    }
  }

  private static func rows(_ count: Int) -> [Row] {
    (1...count).map { number in
      Row(
        point: 0, time: Timestamp(microseconds: Int64(number) * 1000),
        boot: BootTime(microseconds: Int64(number) * 1000), quality: .good, reason: .none,
        timeQuality: .unsynced,
        body: .reading(.signed(Int64(number))))
    }
  }

  private static func readings(_ batch: borrowing SealedBatch) -> [JSONValue] {
    let text = batch.withBody { String(decoding: $0, as: UTF8.self) }
    return (try? JSONValue(parsing: text))?["readings"]?.array ?? []
  }

  private static func isRight(_ readings: [JSONValue]) -> Bool {
    !readings.isEmpty
      && readings.allSatisfy { reading in
        let time = Timestamp(microseconds: start + (reading["value"]?.integer ?? 0) * 1000)
        return reading["timeQuality"] == nil && reading["time"]?.timestamp == time
      }
  }

  private static func isUnsynced(_ readings: [JSONValue]) -> Bool {
    !readings.isEmpty && readings.allSatisfy { $0["timeQuality"]?.string == "unsynced" }
  }

  private static let atStart = BootTime(microseconds: 0)
  private static func second(_ number: Int64) -> BootTime { BootTime(microseconds: number * 1_000_000) }

  @Test(
    "a batch that the platform cannot have is built anew when the time becomes known, and so is the draft behind it"
  )
  func whatHasNotArrivedIsBuiltAnew() {
    let clocks = Self.clocks()
    let queue = MemoryQueue(clocks: clocks)
    queue.store(Self.rows(20))
    var outbox = Outbox(
      Self.destination, gateway: "cabinet", queue: queue, quarantine: MemoryQuarantine())
    var mustPost = outbox.advance(at: Self.atStart)
    #expect(mustPost)
    let unsynced = outbox.withBatch { Self.readings($0) }
    #expect(Self.isUnsynced(unsynced))
    mustPost =
      outbox.finish(.failure(.unreachable, cause: "refused"), at: Self.second(1), random: 0.5).mustPost
    #expect(!mustPost)
    Self.learn(clocks)
    #expect(Self.deliver(&outbox, from: 10).sorted() == Array(1...20))
    #expect(queue.now.violations == 0 && queue.now.delivered == 20)
  }

  @Test(
    "a batch that was answered, but not taken, is built anew when the time becomes known",
    arguments: [503, 500, 401, 408])
  func whatWasAnsweredIsBuiltAnew(status: Int) {
    let clocks = Self.clocks()
    let queue = MemoryQueue(clocks: clocks)
    queue.store(Self.rows(20))
    var outbox = Outbox(
      Self.destination, gateway: "cabinet", queue: queue, quarantine: MemoryQuarantine())
    var mustPost = outbox.advance(at: Self.atStart)
    #expect(mustPost)
    mustPost =
      outbox.finish(.answer(DeliveryAnswer(status: status)), at: Self.second(1), random: 0.5).mustPost
    #expect(!mustPost)
    Self.learn(clocks)
    #expect(Self.deliver(&outbox, from: 10).sorted() == Array(1...20))
    #expect(queue.now.violations == 0 && queue.now.delivered == 20)
  }

  @Test("an answer that was lost is not forgotten when the next attempt is answered")
  func anAnswerBehindALostOneChangesNothing() {
    let clocks = Self.clocks()
    let queue = MemoryQueue(clocks: clocks)
    queue.store(Self.rows(8))
    var outbox = Outbox(
      Self.destination, gateway: "cabinet", queue: queue, quarantine: MemoryQuarantine())
    var mustPost = outbox.advance(at: Self.atStart)
    #expect(mustPost)
    _ = outbox.finish(.failure(.busy, cause: "closed"), at: Self.second(1), random: 0.5)
    mustPost = outbox.advance(at: Self.second(1000))
    #expect(mustPost)
    _ = outbox.finish(.answer(DeliveryAnswer(status: 503)), at: Self.second(1001), random: 0.5)
    Self.learn(clocks)
    mustPost = outbox.advance(at: Self.second(2000))
    #expect(mustPost)
    let readings = outbox.withBatch { Self.readings($0) }
    #expect(Self.isUnsynced(readings))
  }

  @Test("where rows are looked up by their times, what may have taken them keeps the batch as it is")
  func aLookedUpBatchStaysWhereItMayHaveArrived() {
    let kept = [200, 500, 502, 503, 504].filter { status in
      DeliveryVerdict.keep(.busy, cause: "", retryAfter: nil)
        .keepsBytes(after: .answer(DeliveryAnswer(status: status)), looksUp: true)
    }
    #expect(kept == [200, 502, 504])
  }

  /// Everything that is left, a batch after the other; all of it has its right time. The rows' numbers.
  private static func deliver(_ outbox: inout Outbox, from start: Int64) -> [UInt64] {
    var sent: [UInt64] = []
    for number in start...start + 50 {
      let now = second(number * 100)
      var mustPost = outbox.advance(at: now)
      while mustPost {
        let readings = outbox.withBatch { Self.readings($0) }
        #expect(isRight(readings))
        sent += readings.compactMap { $0["seq"]?.unsignedInteger }
        mustPost = outbox.finish(.answer(DeliveryAnswer(status: 200)), at: now, random: 0.5).mustPost
      }
    }
    return sent
  }

  @Test(
    "fault 45: a batch whose answer was lost goes again byte for byte, whatever became known: the platform may have it"
  )
  func aDoubtfulBatchStays() {
    let clocks = Self.clocks()
    let queue = MemoryQueue(clocks: clocks)
    queue.store(Self.rows(20))
    var outbox = Outbox(
      Self.destination, gateway: "cabinet", queue: queue, quarantine: MemoryQuarantine())
    var mustPost = outbox.advance(at: Self.atStart)
    #expect(mustPost)
    let first = outbox.withBatch { batch in batch.withBody { Array($0) } }
    mustPost = outbox.finish(.failure(.busy, cause: "closed"), at: Self.second(1), random: 0.5).mustPost
    #expect(!mustPost)
    Self.learn(clocks)
    mustPost = outbox.advance(at: Self.second(1000))
    #expect(mustPost)
    let again = outbox.withBatch { batch in batch.withBody { Array($0) } }
    #expect(again == first)
    mustPost =
      outbox.finish(.answer(DeliveryAnswer(status: 200)), at: Self.second(1000), random: 0.5).mustPost
    // The draft behind it was built anew meanwhile.
    if mustPost {
      let readings = outbox.withBatch { Self.readings($0) }
      #expect(Self.isRight(readings))
      _ = outbox.finish(.answer(DeliveryAnswer(status: 200)), at: Self.second(1000), random: 0.5)
    }
    _ = Self.deliver(&outbox, from: 20)
    #expect(queue.now.violations == 0 && queue.now.delivered == 20)
  }

  @Test("an estimated time is said to be one, with its bound in seconds, in every format")
  func everyFormatSaysTheBound() {
    let catalogue = Catalogue(points: MemoryQueue.defaultPoints)
    var row = Self.rows(1)[0]
    row = BootHealing.estimated(offset: Self.start, error: .milliseconds(12_500)).healed(row)
    func text(_ format: any BatchFormat) -> String {
      var buffer = ByteBuffer()
      format.use(catalogue)
      format.begin(&buffer)
      #expect(format.append(row, seq: 1, to: &buffer) == .written)
      let request = format.finish(&buffer, rows: 1...1)
      return buffer.withBytes { String(decoding: $0[request.start...], as: UTF8.self) }
    }
    #expect(
      text(NativeJSON(gateway: "c")).contains(
        #""quality":"good","timeQuality":"estimated","timeError":12.5}"#))
    #expect(
      text(LineProtocol(InfluxConfig(place: .database("d", retentionPolicy: nil)), gateway: "c")).contains(
        #"quality="good",timeQuality="estimated",timeError=12.5,"#))
    let telemetry = text(ThingsBoardTelemetry(ThingsBoardConfig(tokenFile: "t")))
    #expect(
      telemetry.contains(#"no2_timeQuality":"estimated""#) && telemetry.contains(#"no2_timeError":12.5"#))
  }
}
