import GatewayCore
import GatewaySimulator
import GatewaySystem
import Testing

/// Each fault, as a gateway meets it, and what the platform has stored behind it.
@Suite struct PlatformFaultTests {
  private let platform: PlatformSimulator
  private let batch = TestBatch(first: 1, last: 3)

  init() throws { platform = try PlatformSimulator() }

  private func strike(_ fault: PlatformFault) { platform.set(fault, for: FaultTerm(count: 1)) }

  @Test func anyStatusWithoutStoring() {
    strike(.status(503, retryAfter: "5"))
    let reply = batch.post(to: platform)
    #expect(reply?.status == 503)
    #expect(reply?.head.contains("Retry-After: 5") == true)
    #expect(platform.stats.rows == 0)
    #expect(batch.post(to: platform)?.status == 200)
    #expect(platform.stats.duplicates == 0)
  }

  @Test func aCaptivePortalSaysYesAndStoresNothing() {
    strike(.status(200, contentType: "text/html", body: "<html>Welcome</html>"))
    let reply = batch.post(to: platform)
    #expect(reply?.status == 200 && reply?.head.contains("Content-Type: text/html") == true)
    #expect(reply?.body == Array("<html>Welcome</html>".utf8))
    #expect(platform.stats.rows == 0)
  }

  @Test func aDelayedAnswerIsARealOne() {
    strike(.delay(.milliseconds(120)))
    let start = SystemClock.boot
    #expect(batch.post(to: platform)?.json?["accepted"]?.integer == 3)
    #expect(start.duration(to: SystemClock.boot) >= .milliseconds(120))
  }

  @Test func aHangingRequestGetsNothingUntilTheFaultsAreCleared() throws {
    strike(.hang)
    let client = try #require(TestClient(platform.address))
    client.send(httpRequest("POST", "/", headers: batch.headers, body: Array(batch.text.utf8)))
    let (bytes, isClosed) = client.receiveAll(1, .milliseconds(150))
    #expect(bytes.isEmpty && !isClosed)
    #expect(batch.post(to: platform)?.status == 200)
    platform.clearFaults()
    #expect(client.isClosed())
    #expect(platform.stats.rows == 3)
  }

  @Test(arguments: [(PlatformFault.closeBefore, 0 as UInt64), (.closeAfter, 3)])
  func aClosedConnectionSaysNothingOfWhatWasStored(_ fault: PlatformFault, _ stored: UInt64) {
    strike(fault)
    #expect(batch.post(to: platform) == nil)
    #expect(platform.stats.unique == stored)
    #expect(batch.post(to: platform)?.status == 200)
    #expect(platform.stats.unique == 3 && platform.stats.duplicates == stored)
  }

  @Test func aSlowAnswerComesByteByByte() throws {
    strike(.slow)
    let client = try #require(TestClient(platform.address))
    client.send(httpRequest("POST", "/", headers: batch.headers, body: Array(batch.text.utf8)))
    let reply = try #require(HTTPReply(client.receiveAll(.max, .milliseconds(1300)).bytes))
    #expect(reply.status == 200)
    #expect((1...2).contains(reply.body.count))
    #expect(platform.stats.unique == 3)
    #expect(TestBatch(first: 4, last: 4).post(to: platform)?.status == 200)
  }

  @Test func aHugeAnswerIsOneGigabyte() throws {
    strike(.huge)
    let client = try #require(TestClient(platform.address))
    client.send(httpRequest("POST", "/", headers: batch.headers, body: Array(batch.text.utf8)))
    // What is read is enough to see that it does not end where an answer would.
    let reply = try #require(HTTPReply(client.receive(4 << 20)))
    #expect(reply.head.contains("Content-Length: 1073741824"))
    #expect(reply.body.count > 4_000_000 && reply.body.allSatisfy { $0 == 0x20 })
  }

  @Test func aTruncatedAnswerPromisesMoreThanItHolds() throws {
    let whole = try #require(TestBatch(first: 1, last: 3).post(to: platform))
    strike(.truncate)
    let reply = try #require(batch.post(to: platform))
    #expect(reply.head.contains("Content-Length: \(whole.body.count)"))
    #expect(reply.body.count == whole.body.count / 2)
  }

  @Test func poisonedRowsAreRefusedWithTheirBatch() {
    platform.set(.poison(2...2, status: 422))
    #expect(batch.post(to: platform)?.status == 422)
    #expect(TestBatch(first: 1, last: 1).post(to: platform)?.status == 200)
    #expect(TestBatch(first: 3, last: 3).post(to: platform)?.status == 200)
    #expect(platform.stats.unique == 2 && platform.stats.holes == 1 && platform.stats.rejected == 0)
  }

  @Test func largerBatchesThanTheLimitAreTooLarge() {
    platform.set(.rowLimit(2))
    #expect(batch.post(to: platform)?.status == 413)
    #expect(TestBatch(first: 1, last: 2).post(to: platform)?.status == 200)
  }

  @Test func aPlatformThatIsDownRefusesAndComesBackOnItsPort() throws {
    let idle = try #require(TestClient(platform.address))
    try platform.goDown()
    #expect(idle.isClosed())
    #expect(TestClient(platform.address) == nil)
    try platform.comeUp()
    #expect(batch.post(to: platform)?.status == 200)
  }

  @Test func goingDownReleasesWhatHangs() throws {
    strike(.hang)
    let client = try #require(TestClient(platform.address))
    client.send(httpRequest("POST", "/", headers: batch.headers, body: Array(batch.text.utf8)))
    #expect(try eventually { platform.stats.faults == 1 })
    try platform.goDown()
    #expect(client.isClosed())
    try platform.comeUp()
    #expect(batch.post(to: platform)?.status == 200)
  }

  @Test func theControlRequestsDoWhatTheLibraryDoes() throws {
    let address = platform.address
    #expect(
      http("POST", "/control/fault?kind=status&status=429&retry-after=7&count=1", at: address)?.status == 200)
    #expect(batch.post(to: platform)?.head.contains("Retry-After: 7") == true)
    #expect(http("POST", "/control/fault?kind=close-after", at: address)?.status == 200)
    #expect(batch.post(to: platform) == nil)
    #expect(http("DELETE", "/control/fault", at: address)?.status == 200)
    #expect(batch.post(to: platform)?.json?["duplicates"]?.integer == 3)
    let stats = try #require(http("GET", "/control/stats", at: address)?.json)
    #expect(stats["unique"]?.integer == 3 && stats["faults"]?.integer == 2)
    for wrong in [
      "kind=nonsense", "kind=status", "kind=status&status=99", "kind=delay", "kind=hang&share=-1", "",
    ] {
      #expect(http("POST", "/control/fault?\(wrong)", at: address)?.status == 400)
    }
    #expect(http("POST", "/control/down", at: address)?.status == 400)
    #expect(http("POST", "/control/down?seconds=0.2", at: address)?.status == 200)
    #expect(try eventually { TestClient(address) == nil })
    #expect(try eventually { batch.post(to: platform)?.status == 200 })
  }
}
