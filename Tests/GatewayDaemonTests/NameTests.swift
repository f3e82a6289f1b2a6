import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// A name service that fails, keeps silent, lies and changes, with the real daemon.
@Suite struct NameTests {
  /// Platforms of one port on several loopback addresses, for a name that only the name server knows.
  private final class Site {
    let cabinet: Cabinet
    let names: NameServer
    private let authority = CertificateAuthority()
    private var platforms: [PlatformSimulator] = []

    init?() throws {
      guard let names = try NameServer() else { return nil }
      self.names = names
      cabinet = try Cabinet()
      guard let launcher = try names.launcher(in: cabinet.directory) else { return nil }
      cabinet.launcher = launcher
    }

    deinit {
      names.stop()
      for platform in platforms { platform.stop() }
    }

    /// On 127.0.0.`last`, with a certificate for `host`.
    func platform(_ last: UInt8, _ host: String = "platform.test") throws -> PlatformSimulator {
      var options = PlatformSimulator.Options()
      options.listen = ListenAddress(host: "127.0.0.\(last)", port: platforms.first?.port ?? 0)
      options.tls = ServerTLS(authority.issue("platform", hosts: [host]))
      options.keptRows = 100_000
      let platform = try PlatformSimulator(options)
      platforms.append(platform)
      return platform
    }

    func start() throws {
      let file = try FileDescriptor.open("\(cabinet.directory)/ca.pem", O_CREAT | O_WRONLY)
      _ = Array(authority.certificate.utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
      try cabinet.write(
        config: """
          gateway: {id: test-cabinet}
          store: {capacity: 16MiB, commit: 100ms}
          buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])"}]
          devices:
            - {name: d, bus: lan, unit: 1, points: [{name: p, at: holding 0, type: uint16, window: raw, every: 50ms}]}
          destinations:
            - name: city
              url: "https://platform.test:\(platforms[0].port)/v1/batches"
              tls: {ca: ca.pem}
              batch: {linger: 20ms}
              timeout: 1s
              retry: {initial: 100ms, max: 300ms}
          """)
      try cabinet.startAndWait()
    }

    /// Waits for the destination to be in `state` because of `words`.
    func wait(_ state: String, _ words: String) throws {
      try cabinet.wait("\(state): \(words)") {
        let destination = cabinet.status()?["destinations"]?.array?.first
        return destination?["state"]?.string == state
          && destination?["lastError"]?.string?.contains(words) == true
      }
    }
  }

  @Test("fault 35: names that are unknown, unanswered, wrong and moved cost no row and hold nobody up")
  func aNameServiceThatFailsAndLies() throws {
    guard let site = try Site() else {
      return print("SKIPPED: fault 35: no name server of our own here; it takes root, port 53 and unshare")
    }
    let cabinet = site.cabinet
    let first = try site.platform(1)
    let liar = try site.platform(2, "other.test")
    let second = try site.platform(3)
    try site.start()
    try site.wait("warning", "Could not resolve host: platform.test")
    site.names.say(.silent)
    // glibc waits 10 s for such a server.
    try site.wait("warning", "Resolving timed out after 1")
    #expect(try cabinet.stop() == 0)
    try cabinet.startAndWait()
    site.names.say(.address([127, 0, 0, 2]))
    try site.wait("critical", "no alternative certificate subject name matches")
    #expect(liar.stats.requests == 0 && first.stats.requests == 0)
    site.names.say(.address([127, 0, 0, 1]))
    try cabinet.wait("rows at the first address") { first.stats.unique > 20 }
    site.names.say(.address([127, 0, 0, 3]))
    try first.goDown()
    try cabinet.wait("rows at the second address") { second.stats.unique > 20 }
    #expect(try cabinet.stop() == 0)
    let stream = try #require(second.stats.streams.first?.stream)
    let rows = Set((first.rows(of: stream) + second.rows(of: stream)).map(\.seq))
    #expect(rows == Set(1...UInt64(rows.count)))
    #expect(liar.stats.requests == 0)
  }
}
