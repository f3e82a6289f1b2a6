import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// Where the daemon's secrets must not turn up.
@Suite struct SecretTests {
  private static let secret = "Sesame-4711-open"

  @Test("a secret is in no status, log, argument or environment, even if the platform repeats it")
  func aSecretTurnsUpNowhere() throws {
    let cabinet = try Cabinet()
    let file = try FileDescriptor.open("\(cabinet.directory)/token", O_CREAT | O_WRONLY, mode: 0o600)
    _ = Array(Self.secret.utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
    cabinet.platform.set(.status(401, contentType: "text/plain", body: "who is \(Self.secret)?"))
    try cabinet.writeUsualConfig(destination: ", auth: {type: bearer, token-file: token}")
    try cabinet.startAndWait()
    try cabinet.wait("the refusal") {
      let error = cabinet.status()?["destinations"]?.array?.first?["lastError"]?.string
      return error?.contains("who is ***?") == true
    }
    let gateway = try #require(cabinet.gateway)
    var seen = ""
    for verb in [["status"], ["status", "--json"], ["points"], ["store"]] {
      seen += try cabinet.control(verb).output
    }
    for name in ["cmdline", "environ"] {
      seen += String(decoding: try readFile("/proc/\(gateway.pid)/\(name)"), as: UTF8.self)
    }
    gateway.kill(SIGTERM)
    seen += gateway.readAll(timeout: .seconds(10))
    #expect(seen.contains("status 401") && !seen.contains(Self.secret))
  }

  /// The kernel gives the files of a process to root where no core of it may be written (proc(5)).
  @Test("no core of the daemon is written, and nobody of its user reads its memory")
  func noCoreIsWritten() throws {
    guard geteuid() == 0, access("/usr/bin/setpriv", X_OK) == 0 else {
      print("SKIPPED: only root can run the daemon as somebody else")
      return
    }
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig()
    for path in [cabinet.directory, cabinet.configPath] { #expect(chown(path, 65_534, 65_534) == 0) }
    let other = ["--reuid=65534", "--regid=65534", "--clear-groups"]
    let gateway = try ChildProcess(
      "/usr/bin/setpriv",
      other + [
        try Cabinet.program("gatewayd"), "--config", cabinet.configPath, "--state", cabinet.statePath,
        "--socket", cabinet.socketPath,
      ], mergesErrors: true)
    try cabinet.wait("the daemon to answer") { cabinet.status() != nil }
    #expect(owner(gateway) == 0)
    let usual = try ChildProcess("/usr/bin/setpriv", other + ["/bin/sleep", "60"])
    try cabinet.wait("a process that may leave a core") { self.owner(usual) == 65_534 }
  }

  private func owner(_ process: ChildProcess) -> UInt32? {
    var status = stat()
    return stat("/proc/\(process.pid)/mem", &status) == 0 ? status.st_uid : nil
  }
}
