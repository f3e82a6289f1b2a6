import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// Rows 8 and 10 of what can go wrong: a synchronisation of the disk fails, or takes five seconds. strace does that to
/// the running daemon, where it is installed and may.
@Suite(.serialized) struct FailingDiskTests {
  private static let strace = "/usr/bin/strace"

  private static let canTrace: Bool = {
    guard access(strace, X_OK) == 0,
      let trial = try? ChildProcess(strace, ["-qq", "-e", "trace=none", "/bin/true"], mergesErrors: true)
    else { return false }
    _ = trial.readAll(timeout: .seconds(10))
    return trial.wait().status == 0
  }()

  /// Lets one of the daemon's next synchronisations come to grief; ends with what is returned.
  private func trouble(_ cabinet: Cabinet, _ injection: String) throws -> ChildProcess {
    let gateway = try #require(cabinet.gateway)
    return try ChildProcess(
      Self.strace,
      [
        "-f", "-qq", "-o", "/dev/null", "-p", "\(gateway.pid)", "-e", "trace=fdatasync", "-e",
        "inject=fdatasync:\(injection)",
      ], mergesErrors: true)
  }

  @Test(.enabled(if: canTrace, "needs strace"), arguments: [1, 2, 5])
  func aSynchronisationThatFailsSetsASlotAsideAndCostsNoRow(number: Int) throws {
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig()
    try cabinet.startAndWait()
    try cabinet.wait("rows") { cabinet.platform.stats.unique > 20 }
    let tracer = try trouble(cabinet, "error=EIO:when=\(number)")
    let sentence = "store: the medium fails at one slot of the file; rows go to others, plan for a new medium"
    try cabinet.wait("the slot to be set aside") {
      cabinet.status()?["gateway"]?["reasons"]?.array?.contains(.string(sentence)) == true
    }
    #expect(try cabinet.control(["status"]).code == 1)
    tracer.kill(SIGINT)
    _ = tracer.wait()
    let before = cabinet.platform.stats.unique
    try cabinet.wait("more rows") { cabinet.platform.stats.unique > before + 20 }
    cabinet.field.stop()
    try cabinet.expectBooksToBalance()
    #expect(cabinet.count("evicted") == 0)
    #expect(try cabinet.stop() == 0)
  }

  @Test(.enabled(if: canTrace, "needs strace"))
  func aSynchronisationOfFiveSecondsDelaysNoPoll() throws {
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig()
    try cabinet.startAndWait()
    try cabinet.wait("rows") { cabinet.platform.stats.unique > 20 }
    let tracer = try trouble(cabinet, "delay_enter=5000000:when=1")
    // How much is polled at most between two commits.
    var (commits, requests, most): (UInt64, UInt64, UInt64) = (0, 0, 0)
    try cabinet.wait("polls without a commit", within: .seconds(60)) {
      let now = cabinet.status()?["store"]?["commits"]?.unsignedInteger ?? 0
      let asked = cabinet.field.stats.requests
      if now != commits { (commits, requests) = (now, asked) }
      most = max(most, asked - requests)
      return most >= 60
    }
    #expect(cabinet.status()?["store"]?["fault"]?.string == nil)
    tracer.kill(SIGINT)
    _ = tracer.wait()
    cabinet.field.stop()
    try cabinet.expectBooksToBalance()
    #expect(cabinet.count("ringDropped") == 0)
    #expect(try cabinet.stop() == 0)
  }
}
