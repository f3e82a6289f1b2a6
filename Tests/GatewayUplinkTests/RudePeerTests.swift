import GatewayCore
import GatewayGzip
import GatewayUplink
import Testing

/// A peer that is gone without a word, and answers that would cost memory.
@Suite struct RudePeerTests {
  @Test("fault 34: a peer that vanishes in the middle of a body is given up long before the timeout")
  func aPeerThatVanishesIsGivenUp() throws {
    let server = try PlatformServer { _, _ in .answer(200) }
    defer { server.stop() }
    let bench = try Bench(server.url) {
      $0.usesGzip = false
      $0.maximumReadings = 100_000
      $0.maximumBytes = 64 << 20
      $0.timeout = .seconds(600)
    }
    server.cutCable(after: 100_000)
    bench.queue.store(10_000)
    // The kernel's patience with bytes that nobody acknowledges, 20 s.
    for _ in 0..<3 where bench.failure().lastError == nil {}
    #expect(bench.forwarder.status.lastError?.contains("Connection timed out") == true)
    #expect(bench.queue.waitUntilSettled(10_000))
    #expect(bench.queue.now.delivered == 10_000 && bench.queue.now.violations == 0)
    #expect(server.requests.count == 1)
  }

  @Test("fault 41: a 413 that comes before the body was read halves the batch")
  func anEarlyRefusalIsUnderstood() throws {
    let server = try PlatformServer(longest: 300_000) { _, _ in .answer(200) }
    defer { server.stop() }
    let bench = try Bench(server.url) {
      $0.usesGzip = false
      $0.maximumReadings = 100_000
      $0.maximumBytes = 64 << 20
    }
    bench.queue.store(10_000)
    #expect(bench.queue.waitUntilSettled(10_000))
    #expect(bench.queue.now.delivered == 10_000 && server.refusedEarly == 2)
  }

  /// `size` times the digit 0, compressed.
  private func bomb(_ size: Int) -> [UInt8] {
    var encoder = GzipEncoder()
    var buffer = ByteBuffer(capacity: 1 << 10)
    [UInt8](repeating: 0x30, count: size).withUnsafeBytes { encoder.append($0, to: &buffer) }
    return buffer.copyBytes()
  }

  @Test("fault 47: a gzip bomb is asked for by nobody, not unpacked, and cut off like any answer")
  func aGzipBombIsNotUnpacked() throws {
    let (small, large) = (bomb(8 << 20), bomb(32 << 20))
    #expect(small.count < 64 << 10 && large.count > 64 << 10)
    let server = try PlatformServer { number, _ in .gzip(number < 2 ? large : small) }
    defer { server.stop() }
    let bench = try Bench(server.url)
    bench.queue.store(10)
    #expect(bench.queue.waitUntilSettled(10))
    // The small one is a 200 like others; unpacked it would have been too large.
    #expect(server.requests.count == 3)
    #expect(bench.forwarder.status.lastError?.contains("the answer is too large") == true)
    #expect(server.requests.allSatisfy { $0.headers["accept-encoding"] == nil })
  }
}
