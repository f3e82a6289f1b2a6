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

  private static let fakeTime: String? = ["x86_64", "aarch64"].lazy
    .map { (machine: String) -> String in "/usr/lib/\(machine)-linux-gnu/faketime/libfaketimeMT.so.1" }
    .first { (path: String) in access(path, R_OK) == 0 }

  @Test(
    "fault 37: under a clock of 1970 the platform's certificate is not yet valid: rows wait until it is set; the next time, what is stored says that it is later",
    .enabled(if: fakeTime != nil, "SKIPPED: no libfaketime here; Debian's package libfaketime has it"))
  func aClockOf1970HoldsTheRows() throws {
    let cabinet = try Cabinet()
    let certificates = PlatformCertificates()
    try certificates.write(to: cabinet.directory)
    var options = PlatformSimulator.Options()
    options.tls = certificates.tls
    let platform = try PlatformSimulator(options)
    defer { platform.stop() }
    try cabinet.write(
      config: """
        gateway: {id: test-cabinet}
        store: {capacity: 16MiB, commit: 100ms}
        buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])"}]
        devices:
          - {name: d, bus: lan, unit: 1, points: [{name: p, at: holding 0, type: uint16, window: raw, every: 50ms}]}
        destinations:
          - {name: city, url: "\(platform.url)", tls: {ca: ca.pem}, batch: {linger: 20ms}, retry: {initial: 100ms, max: 300ms}}
        """)
    let clock = "\(cabinet.directory)/clock"
    func setClock(_ text: String) throws {
      let file = try FileDescriptor.open(clock, O_CREAT | O_WRONLY | O_TRUNC)
      _ = Array("\(text)\n".utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
    }
    try setClock("@1970-01-01 00:10:00")
    // The first program under libfaketime sets a variable, and Swift finds no arguments in an environment that moved.
    cabinet.launcher = ["/usr/bin/env"]
    cabinet.environment = [
      "LD_PRELOAD": Self.fakeTime ?? "", "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1",
      "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    ]
    try cabinet.startAndWait()
    let pid = cabinet.gateway?.pid ?? 0
    // libfaketime leaves what it shares with its children.
    defer { for name in ["faketime_shm", "sem.faketime_sem"] { unlink("/dev/shm/\(name)_\(pid)") } }
    try cabinet.wait("the alarm") {
      let destination = cabinet.status()?["destinations"]?.array?.first
      let words = "certificate is not yet valid (is the clock of this box right?)"
      return destination?["state"]?.string == "critical"
        && destination?["lastError"]?.string?.contains(words) == true
    }
    try cabinet.wait("rows") { cabinet.count("queued") ?? 0 > 20 }
    #expect(platform.stats.requests == 0)
    try setClock("+0")
    try cabinet.wait("the rows to leave") { platform.stats.unique > 40 }
    #expect(try cabinet.stop() == 0)

    // Whoever has stored something at the right time knows that it is not 1970.
    try setClock("@1970-01-01 00:10:00")
    let delivered = platform.stats.unique
    try cabinet.startAndWait()
    let second = cabinet.gateway?.pid ?? 0
    defer { for name in ["faketime_shm", "sem.faketime_sem"] { unlink("/dev/shm/\(name)_\(second)") } }
    try cabinet.wait("rows of 1970") { platform.stats.unique > delivered + 20 }
    #expect(cabinet.status()?["destinations"]?.array?.first?["state"]?.string == "ok")
    #expect(platform.stats.holes == 0)
    #expect(try cabinet.stop() == 0)
  }
}
