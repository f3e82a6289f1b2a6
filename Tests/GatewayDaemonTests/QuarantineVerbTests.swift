import GatewayCore
import GatewaySimulator
import Glibc
import Testing

/// Rows that a platform refuses, with the real programs: kept, shown, sent again, dropped.
@Suite(.serialized) struct QuarantineVerbTests {
  private func rows(_ cabinet: Cabinet, _ arguments: [String] = []) throws -> [JSONValue] {
    let reply = try cabinet.control(["quarantine"] + arguments + ["--json"])
    #expect(reply.code == 0, "\(reply.output)")
    return try JSONValue(parsing: reply.output)["rows"]?.array ?? []
  }

  @Test("fault 39: a refused row is kept over a kill, and sent again on request")
  func aRefusedRowIsKeptOverAKillAndSentAgainOnRequest() throws {
    let cabinet = try Cabinet()
    cabinet.platform.set(.poison(5...6, status: 400))
    try cabinet.writeUsualConfig()
    try cabinet.startAndWait()
    try cabinet.wait("both rows in quarantine, others delivered") {
      cabinet.count("quarantined") == 2 && cabinet.platform.stats.unique > 50
    }
    cabinet.killHard()
    try cabinet.startAndWait()
    let kept = try rows(cabinet)
    #expect(kept.compactMap { $0["seq"]?.unsignedInteger } == [5, 6])
    #expect(kept.allSatisfy { $0["cause"]?.string?.hasPrefix("status 400") == true })
    #expect(kept.allSatisfy { $0["destination"] == .string("platform") && $0["retried"] == .bool(false) })
    let list = try cabinet.control(["quarantine"])
    #expect(list.code == 0 && list.output.contains("status 400"), "\(list.output)")
    let shown = try cabinet.control(["quarantine", "show", "6"])
    #expect(shown.output.contains("seq 6\n") && !shown.output.contains("seq 5\n"), "\(shown.output)")
    // Still refused: it comes back.
    #expect(try cabinet.control(["quarantine", "retry", "5"]).output == "1 row is queued again\n")
    try cabinet.wait("the row to be refused again") {
      try rows(cabinet).allSatisfy { $0["retried"] == .bool(false) } && cabinet.count("quarantined") == 2
    }
    cabinet.platform.clearFaults()
    #expect(try cabinet.control(["quarantine", "retry", "5"]).output == "1 row is queued again\n")
    try cabinet.wait("row 5 at the platform") { cabinet.count("quarantined") == 1 }
    try cabinet.wait("row 5 out of quarantine") { try rows(cabinet).count == 1 }
    #expect(try cabinet.control(["quarantine", "drop", "all"]).output == "1 row is dropped\n")
    #expect(try cabinet.control(["quarantine"]).output == "no row is in quarantine\n")
    #expect(cabinet.count("quarantined") == 1)
    #expect(try cabinet.stop() == 0)
    // All but row 6, under whatever stream they went.
    #expect(cabinet.platform.stats.holes == 1)
  }

  /// The ledger on the medium lags by seconds: after a kill it calls them queued, and the platform takes them by now.
  @Test(
    "fault 39: rows in quarantine stay there over a kill, and each is delivered once when all are sent again")
  func whatIsInQuarantineAgreesWithTheLedgerBehindAKill() throws {
    let cabinet = try Cabinet()
    cabinet.platform.set(.poison(5...11, status: 422))
    try cabinet.writeUsualConfig()
    try cabinet.startAndWait()
    try cabinet.wait("all of them in quarantine") { cabinet.count("quarantined") == 7 }
    cabinet.killHard()
    cabinet.platform.clearFaults()
    try cabinet.startAndWait()
    #expect(cabinet.count("quarantined") == 7)
    #expect(try rows(cabinet).count == 7)
    #expect(try cabinet.control(["quarantine", "retry", "all"]).output == "7 rows are queued again\n")
    try cabinet.wait("no row in quarantine") {
      cabinet.count("quarantined") == 0 && cabinet.count("queued") == 0
    }
    // What was sent again when the next kill came is sent again.
    #expect(try rows(cabinet).isEmpty)
    #expect(try cabinet.stop() == 0)
    #expect(cabinet.platform.stats.holes == 0, "\(cabinet.platform.stats)")
  }

  @Test func whatCannotBeUnderstoodIsSaid() throws {
    let cabinet = try Cabinet()
    for (arguments, part) in [
      (["rety"], "did you mean \"retry\"?"), (["drop"], "needs the rows' numbers, or \"all\""),
      (["show", "x"], "should be a whole number from 1"),
    ] {
      let reply = try cabinet.control(["quarantine"] + arguments)
      #expect(reply.code == 64 && reply.output.contains(part), "\(reply.output)")
    }
  }
}
