import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// `gatewayctl store` and the flash's end of life, with the real programs.
@Suite(.serialized) struct StoreVerbTests {
  private static let flash = "flash: {capacity: 8GB, cycles: 3000}"

  /// A sysfs of real files, in which the card below `directory` says this of its life.
  private func writeSysfs(_ directory: String, life: String, spare: String) throws {
    var status = stat()
    #expect(stat(directory, &status) == 0)
    let number = UInt64(status.st_dev)
    let block = "\(number >> 8 & 0xFFF):\(number & 0xFF | number >> 12 & 0xFFF00)"
    for path in ["/sys", "/sys/dev", "/sys/dev/block", "/sys/dev/block/\(block)"] {
      try makeDirectory(directory + path)
    }
    try makeDirectory("\(directory)/sys/dev/block/\(block)/device")
    for (name, text) in [("life_time", life), ("pre_eol_info", spare)] {
      let path = "\(directory)/sys/dev/block/\(block)/device/\(name)"
      let file = try FileDescriptor.open(path, O_CREAT | O_WRONLY | O_TRUNC)
      _ = Array(text.utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
    }
  }

  @Test func whatTheStoreHoldsAndWhoLacksItIsShown() throws {
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig(store: "{capacity: 16MiB, commit: 100ms, \(Self.flash)}")
    try cabinet.startAndWait()
    try cabinet.wait("rows at the platform") { cabinet.platform.stats.unique > 0 }
    try cabinet.platform.goDown()
    try cabinet.wait("a backlog") { cabinet.count("queued") ?? 0 > 50 }
    let json = try JSONValue(parsing: try cabinet.control(["store", "--json"]).output)
    let report = try #require(StoreReport(json: json))
    #expect(report.segments.total == 3)
    #expect(report.segments.used == 1)
    let backlog = try #require(report.destinations.first)
    #expect(backlog.name == "platform")
    #expect(backlog.queued >= 50)
    #expect(backlog.runs.reduce(0) { $0 + UInt64($1.count) } == backlog.queued)
    #expect(backlog.oldest != nil)
    #expect(report.used > 0)
    #expect(report.budget == FlashConfig(capacity: 8_000_000_000, cycles: 3000))
    // A minute is not over.
    #expect(json["full"]?["when"] == .string("unknown"))
    let text = try cabinet.control(["store"])
    #expect(text.code == 0)
    #expect(text.output.contains("\nUNDELIVERED\n  platform "), "\(text.output)")
    #expect(text.output.contains("not known yet, measured"), "\(text.output)")
    #expect(try cabinet.stop() == 0)
  }

  @Test func aFlashNearItsEndIsReportedAndWrittenLessOften() throws {
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig(store: "{capacity: 16MiB, commit: 100ms}", every: "20ms")
    try writeSysfs(cabinet.directory, life: "0x03 0x0A\n", spare: "0x01\n")
    cabinet.environment["GATEWAY_SYSFS"] = "\(cabinet.directory)/sys"
    try cabinet.startAndWait()
    let status = try cabinet.control(["status", "--json"])
    #expect(status.code == 1)
    let reasons = try JSONValue(parsing: status.output)["gateway"]?["reasons"]?.array?.compactMap(\.string)
    #expect(
      reasons?.contains { $0.contains("more than 90 % of its life is used") } == true, "\(status.output)")
    // Of a tenth of a second each these would be dozens of commits.
    try cabinet.wait("four seconds of readings", within: .seconds(60)) {
      cabinet.count("acquired") ?? 0 >= 1800
    }
    let commits = cabinet.status()?["store"]?["commits"]?.unsignedInteger ?? .max
    #expect(commits < 20, "\(commits) commits")
    let report = try JSONValue(parsing: try cabinet.control(["store", "--json"]).output)
    #expect(report["flash"]?["commitInterval"]?.double == 10)
    #expect(report["flash"]?["usedTenths"]?.integer == 10)
    // What was acquired is stored at the end all the same.
    #expect(try cabinet.stop() == 0)
    try writeSysfs(cabinet.directory, life: "0x0B 0x0A\n", spare: "0x03\n")
    try cabinet.startAndWait()
    #expect(try cabinet.control(["status"]).code == 2)
    #expect(try cabinet.stop() == 0)
  }

  @Test func aHealthyFlashSaysHowMuchOfItsLifeIsUsed() throws {
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig()
    try writeSysfs(cabinet.directory, life: "0x02 0x03\n", spare: "0x01\n")
    cabinet.environment["GATEWAY_SYSFS"] = "\(cabinet.directory)/sys"
    try cabinet.startAndWait()
    #expect(try cabinet.control(["status"]).code == 0)
    let text = try cabinet.control(["store"]).output
    #expect(text.contains("20 to 30 % of its life are used"), "\(text)")
    #expect(try cabinet.stop() == 0)
  }
}
