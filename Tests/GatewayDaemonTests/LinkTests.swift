import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// The real daemon and platform in a network of their own, whose only link goes away.
@Suite struct LinkTests {
  private static let place = "10.9.9.1"

  /// Starts a program in a network namespace of its own.
  private static let launcher = [
    "/usr/bin/unshare", "--net", "/bin/sh", "-c",
    "ip link set lo up && ip addr add \(place)/32 dev lo && exec \"$@\"", "sh",
  ]

  private static var isPossible: Bool {
    guard access("/usr/bin/nsenter", X_OK) == 0, access(launcher[0], X_OK) == 0,
      let trial = try? ChildProcess(launcher[0], launcher.dropFirst() + ["true"], mergesErrors: true)
    else { return false }
    return trial.wait().status == 0
  }

  /// Runs a program in the daemon's network.
  private func run(_ cabinet: Cabinet, _ words: [String]) throws -> ChildProcess {
    let pid = try #require(cabinet.gateway?.pid)
    return try ChildProcess(
      "/usr/bin/nsenter", ["--net=/proc/\(pid)/ns/net"] + words, mergesErrors: true)
  }

  private func state(_ cabinet: Cabinet) -> String? {
    cabinet.status()?["destinations"]?.array?.first?["state"]?.string
  }

  @Test(
    "fault 33, fault 49: a link that goes down, or an address that goes, costs no row",
    .enabled(if: isPossible, "SKIPPED: no network namespaces here; they take root, unshare, nsenter and ip"))
  func aLinkThatGoesAway() throws {
    let cabinet = try Cabinet()
    cabinet.launcher = Self.launcher
    try cabinet.write(
      config: """
        gateway: {id: test-cabinet}
        store: {capacity: 16MiB, commit: 100ms}
        buses: [{name: lan, type: modbus-tcp, address: "127.0.0.1:9"}]
        devices:
          - {name: d, bus: lan, unit: 1, points: [{name: p, at: holding 0, type: uint16, window: raw, every: 50ms}]}
        destinations:
          - name: city
            url: "http://\(Self.place):18080/v1/batches"
            insecure: true
            batch: {linger: 20ms}
            timeout: 1s
            retry: {initial: 100ms, max: 300ms}
        """)
    try cabinet.startAndWait()
    let platform = try run(
      cabinet, [try Cabinet.program("gateway-sim"), "platform", "--listen", "\(Self.place):18080", "--quiet"])
    try cabinet.wait("the first rows") { cabinet.count("delivered") ?? 0 > 20 }
    for cut in [["link", "set", "lo", "down"], ["addr", "del", "\(Self.place)/32", "dev", "lo"]] {
      #expect(try run(cabinet, ["ip"] + cut).wait().status == 0)
      try cabinet.wait("the alarm after \(cut)") { state(cabinet) == "warning" }
      let delivered = try #require(cabinet.count("delivered"))
      try cabinet.wait("rows that wait") { cabinet.count("queued") ?? 0 > 20 }
      #expect(cabinet.count("delivered") == delivered)
      let mend = cut[0] == "link" ? ["link", "set", "lo", "up"] : ["addr", "add"] + cut.dropFirst(2)
      #expect(try run(cabinet, ["ip"] + mend).wait().status == 0)
      try cabinet.wait("rows to leave again") { cabinet.count("delivered") ?? 0 > delivered + 30 }
      #expect(state(cabinet) == "ok")
    }
    #expect(try cabinet.stop() == 0)
    platform.kill(SIGTERM)
    let books = try JSONValue(parsing: platform.readAll(timeout: .seconds(20)))
    #expect(books["unique"]?.unsignedInteger ?? 0 > 80 && books["holes"]?.unsignedInteger == 0, "\(books)")
  }
}
