import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// The platform as a gateway sees it, over real sockets.
@Suite struct PlatformSimulatorTests {
  private func platform(_ change: (inout PlatformSimulator.Options) -> Void = { _ in }) throws
    -> PlatformSimulator
  {
    var options = PlatformSimulator.Options()
    options.isStrict = true
    change(&options)
    return try PlatformSimulator(options)
  }

  @Test func aBatchIsTakenAndEchoed() throws {
    let platform = try platform()
    defer { platform.stop() }
    let reply = try #require(TestBatch(first: 1, last: 10).post(to: platform))
    #expect(reply.status == 200)
    #expect(
      reply.json
        == .object([
          "stream": .string(TestBatch.stream), "first": .signed(1), "last": .signed(10),
          "accepted": .signed(10),
          "duplicates": .signed(0),
        ]))
  }

  @Test func aGzippedBatchIsTaken() throws {
    let platform = try platform()
    defer { platform.stop() }
    let batch = TestBatch(first: 3, last: 4)
    let packed = storedGzip(Array(batch.text.utf8))
    let headers = batch.headers + ["Content-Encoding: gzip"]
    #expect(http("POST", "/", headers: headers, body: packed, at: platform.address)?.status == 200)
    #expect(
      http("POST", "/", headers: headers, body: packed.dropLast(4), at: platform.address)?.status == 400)
    #expect(http("POST", "/", headers: headers, body: [1, 2, 3], at: platform.address)?.status == 400)
    #expect(platform.stats.unique == 2)
  }

  @Test func whatIsNoBatchIsRefusedWithItsReason() throws {
    let platform = try platform()
    defer { platform.stop() }
    let batch = TestBatch(first: 1, last: 2)
    let body = Array(batch.text.utf8)
    let json = "Content-Type: application/json"
    let key = batch.headers[1]
    let wrongKey = "Idempotency-Key: \"\(TestBatch.stream)-1-3\""
    for (headers, status) in [
      ([key], 415), ([json], 400), ([json, wrongKey], 400), ([json, key, "Content-Encoding: br"], 415),
      (["Content-Type: text/plain", key], 415),
    ] {
      let reply = http("POST", "/", headers: headers, body: body, at: platform.address)
      #expect(reply?.status == status)
      #expect(reply?.json?["error"]?.string != nil)
    }
    #expect(http("GET", "/v1/batches", at: platform.address)?.status == 405)
    #expect(
      http("POST", "/", headers: batch.headers, body: Array(body.dropLast()), at: platform.address)?.status
        == 400)
    #expect(platform.stats.rejected == 7 && platform.stats.unique == 0)
  }

  @Test func rowsSentAgainAreCountedOnce() throws {
    let platform = try platform { $0.keptRows = 100 }
    defer { platform.stop() }
    for (first, last) in [(1, 4), (3, 6), (9, 10), (1, 10)] as [(UInt64, UInt64)] {
      let before = platform.stats
      #expect(TestBatch(first: first, last: last).post(to: platform)?.status == 200)
      #expect(platform.stats.rows == before.rows + last - first + 1)
      if last == 10, first == 9 { #expect(platform.stats.holes == 2) }
    }
    #expect(TestBatch(first: 5, last: 5, stream: "00000000000000aa").post(to: platform)?.status == 200)
    let stats = platform.stats
    #expect(stats.batches == 5 && stats.rows == 21 && stats.unique == 11 && stats.duplicates == 10)
    #expect(stats.holes == 0 && stats.streams.map(\.last) == [5, 10])
    #expect(platform.rows(of: TestBatch.stream).map(\.seq) == Array(1...10))
    #expect(stats.json["lastSeq"]?[TestBatch.stream]?.integer == 10)
  }

  @Test func uniqueRowsAreRecordedAsLines() throws {
    let directory = temporaryDirectory()
    defer {
      unlink(directory + "/rows")
      rmdir(directory)
    }
    let platform = try platform { $0.record = directory + "/rows" }
    defer { platform.stop() }
    _ = TestBatch(first: 1, last: 3).post(to: platform)
    _ = TestBatch(first: 2, last: 5).post(to: platform)
    let lines = String(decoding: try readFile(directory + "/rows"), as: UTF8.self).split(separator: "\n")
    let rows = try lines.map { try JSONValue(parsing: String($0)) }
    #expect(rows.map { $0["seq"]?.integer } == [1, 2, 3, 4, 5])
    #expect(
      rows.allSatisfy { $0["stream"]?.string == TestBatch.stream && $0["gateway"]?.string == "cabinet-0417" })
    #expect(rows[0]["value"]?.double == 21.5)
  }

  @Test func aConnectionServesBatchAfterBatch() throws {
    let platform = try platform()
    defer { platform.stop() }
    let client = try #require(TestClient(platform.address))
    for number in 0..<20 as Range<UInt64> {
      let batch = TestBatch(first: number * 500 + 1, last: number * 500 + 500)
      let lines = ["POST / HTTP/1.1", "Host: x", "Content-Length: \(batch.text.utf8.count)"] + batch.headers
      client.send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + batch.text).utf8))
      var head: [UInt8] = []
      while !head.suffix(2).elementsEqual([0x7D, 0x0A]) {
        let byte = client.receive(1)
        try #require(!byte.isEmpty)
        head += byte
      }
      #expect(head.starts(with: Array("HTTP/1.1 200".utf8)))
    }
    #expect(platform.stats.unique == 10_000)
  }

  @Test func stoppingEndsWhateverHangs() throws {
    let platform = try platform()
    platform.set(.hang)
    let client = try #require(TestClient(platform.address))
    let batch = TestBatch(first: 1, last: 1)
    client.send(httpRequest("POST", "/", headers: batch.headers, body: Array(batch.text.utf8)))
    #expect(try eventually { platform.stats.faults == 1 })
    platform.stop()
    #expect(client.isClosed())
    #expect(TestClient(platform.address) == nil)
  }
}

/// gzip without compression (RFC 1951, section 3.2.4), so that the test needs no packer.
private func storedGzip(_ bytes: [UInt8]) -> [UInt8] {
  func little(_ number: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(number >> (8 * $0) & 255) } }
  var crc: UInt32 = ~0
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }
  let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
  let block = [1] + little(bytes.count, 2) + little(~bytes.count & 0xFFFF, 2)
  return header + block + bytes + little(Int(~crc), 4) + little(bytes.count, 4)
}
