import GatewayCore
import GatewaySimulator
import GatewaySystem
import GatewayUplink
import Testing

/// HTTPS with certificates made on the fly: which are accepted, and what happens when they change.
@Suite struct TLSTests {
  private typealias Flaw = PlatformCertificates.Flaw

  /// A platform, the files that a gateway trusts and shows, and a forwarder between the two.
  private final class Site {
    let directory: TemporaryDirectory
    let platform: PlatformSimulator
    let bench: Bench

    init(
      _ certificates: PlatformCertificates, showsClient: Bool = false,
      _ change: (inout DestinationConfig) -> Void = { _ in }
    ) throws {
      let files = try TemporaryDirectory()
      files.write("ca.pem", certificates.authority.certificate)
      files.write("client.pem", certificates.client.certificate)
      files.write("client.key", certificates.client.key)
      var options = PlatformSimulator.Options()
      options.tls = certificates.tls
      directory = files
      platform = try PlatformSimulator(options)
      bench = try Bench(platform.url, credentials: files.path) { destination in
        destination.tls.authorities = "ca.pem"
        if showsClient {
          destination.tls.certificate = "client.pem"
          destination.tls.key = "client.key"
        }
        change(&destination)
      }
    }

    deinit { platform.stop() }
  }

  @Test(
    "fault 37: a certificate that is not right holds the rows, alarms and says why",
    arguments: [
      (.expired, "certificate has expired"), (.future, "not yet valid (is the clock of this box right?)"),
      (.wrongHost, "no alternative certificate subject name matches"),
      (.unknownCA, "unable to get local issuer certificate (\"ca\" of \"tls\" names"),
      (.oldTLS, "SSL routines"),
    ] as [(PlatformCertificates.Flaw, String)])
  func aWrongCertificateHoldsTheRows(flaw: PlatformCertificates.Flaw, words: String) throws {
    let wrong = PlatformCertificates(flaw)
    let site = try Site(wrong)
    site.bench.queue.store(10)
    let status = site.bench.failure()
    #expect(status.state == .critical)
    #expect(status.lastError?.contains(words) == true, "\(status)")
    #expect(site.platform.stats.requests == 0 && site.bench.queue.settledThrough == 0)
    try site.platform.change(PlatformCertificates(authority: wrong.authority).tls)
    #expect(site.bench.queue.waitUntilSettled(10))
    #expect(site.bench.queue.now.delivered == 10 && site.platform.stats.unique == 10)
  }

  @Test("fault 38: another CA bundle counts from the next batch on, although the connection was open")
  func anotherBundleCountsFromTheNextBatchOn() throws {
    let certificates = PlatformCertificates()
    let site = try Site(certificates)
    site.bench.queue.store(10)
    #expect(site.bench.queue.waitUntilSettled(10))
    let other = CertificateAuthority("Other CA").certificate
    site.directory.write("ca.pem", other)
    site.bench.queue.store(10)
    let status = site.bench.failure()
    #expect(status.state == .critical && status.lastError?.contains("local issuer") == true, "\(status)")
    #expect(site.platform.stats.unique == 10)
    site.directory.write("ca.pem", other + certificates.authority.certificate)
    #expect(site.bench.queue.waitUntilSettled(20))
    #expect(site.platform.stats.unique == 20 && site.platform.stats.duplicates == 0)
  }

  @Test(
    "fault 38: another client certificate and key are shown without a restart, and no row is lost",
    arguments: [false, true])
  func anotherClientCertificateIsShown(isStrict: Bool) throws {
    let certificates = PlatformCertificates(wantsClients: true, isStrict: isStrict)
    let site = try Site(certificates, showsClient: true)
    site.bench.queue.store(10)
    #expect(site.bench.queue.waitUntilSettled(10))
    #expect(site.platform.stats.lastClient == "CN=gateway")
    let next = certificates.authority.issue("gateway-2")
    site.directory.write("client.pem", next.certificate)
    site.bench.queue.store(10)
    // Between the two writes certificate and key do not belong together.
    #expect(site.bench.failure().state == .critical)
    site.directory.write("client.key", next.key)
    #expect(site.bench.queue.waitUntilSettled(20))
    #expect(site.platform.stats.lastClient == "CN=gateway-2")
    #expect(site.platform.stats.unique == 20 && site.platform.stats.holes == 0)
  }

  @Test("fault 40: a platform that wants a client certificate gets nothing without one, and the rows wait")
  func withoutAClientCertificateTheRowsWait() throws {
    let site = try Site(PlatformCertificates(wantsClients: true))
    site.bench.queue.store(10)
    let status = site.bench.failure()
    #expect(status.state == .critical)
    #expect(status.lastError?.contains("a client certificate is required") == true, "\(status)")
    #expect(site.bench.queue.settledThrough == 0)
  }

  @Test(
    "fault 38: a batch under way when the files change ends on its connection, the next goes over another")
  func aBatchUnderWayEndsOnItsConnection() throws {
    let certificates = PlatformCertificates(wantsClients: true)
    let site = try Site(certificates, showsClient: true)
    site.platform.set(.delay(.seconds(1)), for: FaultTerm(count: 1))
    site.bench.queue.store(10)
    while site.platform.stats.requests == 0 { Bench.wait(.milliseconds(2)) }
    let next = certificates.authority.issue("gateway-2")
    site.directory.write("client.pem", next.certificate)
    site.directory.write("client.key", next.key)
    #expect(site.bench.queue.waitUntilSettled(10))
    #expect(site.platform.stats.requests == 1 && site.platform.stats.lastClient == "CN=gateway")
    site.bench.queue.store(10)
    #expect(site.bench.queue.waitUntilSettled(20))
    #expect(site.platform.stats.lastClient == "CN=gateway-2")
    #expect(site.platform.stats.requests == 2 && site.bench.forwarder.status.lastError == nil)
  }

  @Test("fault 40: a handshake that needs a client certificate fails without one, and with a stranger's")
  func theHandshakeNeedsTheRightCertificate() throws {
    for showsClient in [false, true] {
      let certificates = PlatformCertificates(wantsClients: true, isStrict: true)
      let site = try Site(certificates, showsClient: showsClient)
      let stranger = CertificateAuthority("Other CA").issue("gateway")
      site.directory.write("client.pem", stranger.certificate)
      site.directory.write("client.key", stranger.key)
      site.bench.queue.store(10)
      let status = site.bench.status { $0.lastError?.contains("alert") == true }
      #expect(status.state == .critical, "\(status)")
      #expect(status.lastError?.contains("alert") == true, "\(status)")
      if !showsClient {
        #expect(status.lastError?.contains("show who the gateway is") == true, "\(status)")
      }
      #expect(site.platform.stats.requests == 0 && site.bench.queue.settledThrough == 0)
      guard showsClient else { continue }
      site.directory.write("client.pem", certificates.client.certificate)
      site.directory.write("client.key", certificates.client.key)
      #expect(site.bench.queue.waitUntilSettled(10))
      #expect(site.platform.stats.unique == 10 && site.platform.stats.lastClient == "CN=gateway")
    }
  }

  @Test("the platform's certificate is seen to end 30 days ahead")
  func thePlatformsCertificateEnds() throws {
    for (days, isNear) in [(29, true), (31, false)] {
      let life = Duration.seconds(86_400 * days + 60)
      let site = try Site(PlatformCertificates(life: life))
      site.bench.queue.store(10)
      #expect(site.bench.queue.waitUntilSettled(10))
      let end = try #require(site.bench.status { $0.certificateEnd != nil }.certificateEnd)
      #expect(end.owner == .platform)
      let left = end.time.microseconds - SystemClock.time.microseconds
      #expect(abs(left - life.microseconds) < 60_000_000)
      let sentence = end.sentence(at: SystemClock.time)
      #expect((sentence != nil) == isNear)
      if isNear {
        #expect(sentence?.hasPrefix("the platform's certificate expires in 29 days, on 20") == true)
      }
    }
  }

  @Test("the client certificate's end is known from its file, before anything is sent, and read again")
  func theClientCertificateEnds() throws {
    let certificates = PlatformCertificates(wantsClients: true)
    let site = try Site(certificates, showsClient: true)
    // Both last a year; the client's is the younger by nothing. A shorter one comes first.
    let short = certificates.authority.issue("gateway-2", to: .seconds(86_400 * 3 + 60))
    site.directory.write("client.pem", short.certificate)
    site.directory.write("client.key", short.key)
    site.bench.queue.store(10)
    #expect(site.bench.queue.waitUntilSettled(10))
    let status = site.bench.status { $0.certificateEnd?.owner == .gateway }
    let sentence = try #require(status.certificateEnd?.sentence(at: SystemClock.time))
    #expect(sentence.hasPrefix("the gateway's client certificate expires in 3 days, on 20"))
  }
}
