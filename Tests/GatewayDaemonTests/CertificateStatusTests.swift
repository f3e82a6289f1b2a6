import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// What `gatewayctl status` says of certificates.
@Suite struct CertificateStatusTests {
  @Test("a platform's certificate that ends within 30 days is a warning while rows are delivered")
  func anEndIsAWarning() throws {
    let cabinet = try Cabinet()
    let certificates = PlatformCertificates(life: .seconds(10 * 86_400 + 3600))
    try certificates.write(to: cabinet.directory)
    var options = PlatformSimulator.Options()
    options.tls = certificates.tls
    let platform = try PlatformSimulator(options)
    try cabinet.write(
      config: """
        gateway: {id: test-cabinet}
        buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])"}]
        devices:
          - {name: d, bus: lan, unit: 1, points: [{name: p, at: holding 0, type: uint16, window: raw, every: 100ms}]}
        destinations:
          - {name: city, url: "\(platform.url)", tls: {ca: ca.pem}, batch: {linger: 20ms}}
        """)
    try cabinet.startAndWait()
    try cabinet.wait("the warning") {
      let reasons = cabinet.status()?["gateway"]?["reasons"]?.array?.compactMap(\.string) ?? []
      let words = "destination city: the platform's certificate expires in 10 days, on 2"
      return reasons.contains { $0.hasPrefix(words) }
    }
    let destination = cabinet.status()?["destinations"]?.array?.first
    #expect(destination?["state"]?.string == "ok")
    #expect(destination?["delivered"]?.unsignedInteger ?? 0 > 0)
    #expect(destination?["certificateExpires"]?.string?.hasPrefix("2") == true)
    #expect(try cabinet.control(["status"]).code == 1)
    #expect(try cabinet.stop() == 0)
  }
}
