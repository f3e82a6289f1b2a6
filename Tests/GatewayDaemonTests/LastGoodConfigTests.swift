import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// Row 57 of what can go wrong: the power goes while somebody edits the configuration.
@Suite(.serialized) struct LastGoodConfigTests {
  /// A cabinet that ran once.
  private func makeCabinet() throws -> Cabinet {
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig()
    try cabinet.startAndWait()
    #expect(try cabinet.stop() == 0)
    return cabinet
  }

  /// What a file system may give back for a file whose blocks were not written yet.
  private static let torn: [(String, @Sendable ([UInt8]) -> [UInt8])] = [
    ("empty", { _ in [] }), ("all NULs", { $0.map { _ in 0 } }),
    ("its end NULs", { $0.prefix($0.count / 2) + [UInt8](repeating: 0, count: $0.count - $0.count / 2) }),
    ("a NUL in its middle", { $0.prefix(20) + [0] + $0.dropFirst(21) }),
  ]

  @Test func aTornConfigurationIsReplacedByTheLastGoodOneAndSaysSo() throws {
    let cabinet = try makeCabinet()
    let good = try readFile(cabinet.configPath)
    for (what, tear) in Self.torn {
      try cabinet.write(config: String(decoding: tear(good), as: UTF8.self))
      let process = try cabinet.start()
      let line = process.readLine(timeout: .seconds(20)) ?? ""
      #expect(line.contains("the last good copy runs: write the file again and reload"), "\(what): \(line)")
      try cabinet.wait("the daemon to answer") { cabinet.status() != nil }
      let status = try cabinet.control(["status"])
      #expect(status.code == 1, "\(what): \(status.output)")
      let reasons = cabinet.status()?["gateway"]?["reasons"]?.array?.compactMap(\.string) ?? []
      #expect(
        reasons.contains { $0.hasPrefix("configuration \"\(cabinet.configPath)\" is empty or") }, "\(reasons)"
      )
      // It measures and delivers, and still refuses the torn file.
      let before = cabinet.platform.stats.unique
      try cabinet.wait("rows") { cabinet.platform.stats.unique > before }
      #expect(try cabinet.control(["reload"]).code == 78)
      try cabinet.write(config: String(decoding: good, as: UTF8.self))
      #expect(try cabinet.control(["reload"]).code == 0)
      try cabinet.wait("all to be well", until: { try cabinet.control(["status"]).code == 0 })
      #expect(try cabinet.stop() == 0)
    }
  }

  @Test func anOrdinaryMistakeStopsTheStartWithEveryProblem() throws {
    let cabinet = try makeCabinet()
    let good = String(decoding: try readFile(cabinet.configPath), as: UTF8.self)
    let cut = String(good.prefix(good.count / 2))
    for text in [good.replacing("type: int16", with: "type: int61"), cut, "\n", "x"] {
      try cabinet.write(config: text)
      let process = try cabinet.start()
      let output = process.readAll(timeout: .seconds(20))
      #expect(process.wait().status == 78, "\(output)")
      #expect(output.contains("\(cabinet.configPath):"), "\(output)")
      #expect(!output.contains("last good"))
    }
    unlink(cabinet.configPath)
    #expect(try cabinet.start().wait().status == 78)
  }

  @Test func withoutACopyATornConfigurationIsAMistake() throws {
    let cabinet = try Cabinet()
    try cabinet.write(config: "")
    #expect(try cabinet.start().wait().status == 78)
    // Neither is a copy used that is torn itself.
    let other = try makeCabinet()
    for text in ["", "gateway: {id: \0", "gateway: {}"] {
      try other.write(config: "")
      let copy = try FileDescriptor.open("\(other.statePath)/gateway.yaml.good", O_WRONLY | O_TRUNC)
      _ = Array(text.utf8).withUnsafeBytes { copy.writeAll($0, at: 0) }
      #expect(try other.start().wait(timeout: .seconds(20))?.status == 78)
    }
  }

  @Test func theCopyIsWrittenOnlyWhenTheConfigurationChanged() throws {
    let cabinet = try makeCabinet()
    let copy = "\(cabinet.statePath)/gateway.yaml.good"
    func inode() -> UInt64 {
      var status = stat()
      return stat(copy, &status) == 0 ? UInt64(status.st_ino) : 0
    }
    let first = inode()
    #expect(try readFile(copy) == readFile(cabinet.configPath))
    // What a cut in the middle of a copy leaves is in nobody's way.
    let draft = try FileDescriptor.open("\(copy).new", O_CREAT | O_WRONLY)
    _ = Array("half".utf8).withUnsafeBytes { draft.writeAll($0, at: 0) }
    try cabinet.startAndWait()
    #expect(inode() == first)
    try cabinet.writeUsualConfig(every: "70ms")
    #expect(try cabinet.control(["reload"]).code == 0)
    #expect(try readFile(copy) == readFile(cabinet.configPath))
    // One that is refused is none.
    let good = try readFile(copy)
    try cabinet.write(config: "gateway: {}")
    #expect(try cabinet.control(["reload"]).code == 78)
    #expect(try readFile(copy) == good)
    #expect(try cabinet.stop() == 0)
  }
}
