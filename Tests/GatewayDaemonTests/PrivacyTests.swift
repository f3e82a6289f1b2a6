import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// `publish: aggregate` and `min-count` with the real daemon: what leaves, and what is on the disk meanwhile.
@Suite struct PrivacyTests {
  /// Floats of which each byte is its own: they are found wherever they stand as they are, or in a row.
  private static let open: Float = 1.7310987
  private static let secret: Float = 1.9172364

  private func words(_ value: Float) -> [UInt16] {
    [UInt16(truncatingIfNeeded: value.bitPattern >> 16), UInt16(truncatingIfNeeded: value.bitPattern)]
  }

  private func cabinet(window: String) throws -> Cabinet {
    let cabinet = try Cabinet(
      devices: 1, registers: [FieldRegister(.holding, 0, words: words(Self.open) + words(Self.secret))])
    try cabinet.write(
      config: """
        gateway: {id: private-cabinet}
        store: {capacity: 16MiB, commit: 100ms}
        defaults: {every: 50ms, window: \(window), functions: [mean, count]}
        buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])", timeout: 300ms}]
        devices:
          - name: street
            bus: lan
            points:
              - {name: open, at: holding 0, type: float32}
              - {name: secret, at: holding 2, type: float32, publish: aggregate, qc: {spike: 5}}
              - {name: few, at: holding 2, type: float32, every: 400ms, publish: aggregate, min-count: 100}
        destinations: [{name: platform, url: "\(cabinet.platform.url)", batch: {linger: 20ms}}]
        """)
    return cabinet
  }

  /// Whether a file below `path` holds the value's bytes, as a float or a double.
  private func isFound(_ value: Float, below path: String) throws -> Bool {
    let forms = [
      withUnsafeBytes(of: value.bitPattern.littleEndian) { [UInt8]($0) },
      withUnsafeBytes(of: Double(value).bitPattern.littleEndian) { [UInt8]($0) },
    ]
    for name in ["store-v1", "boots", "gateway.yaml.good"] {
      guard let bytes = try? readFile("\(path)/\(name)", limit: 64 << 20) else { continue }
      for form in forms where contains(bytes, form) { return true }
    }
    return false
  }

  private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { bytes in
      var place = 0
      // Most of a store is zeros.
      while let found = memchr(bytes.baseAddress! + place, Int32(part[0]), bytes.count - place) {
        place = found - UnsafeMutableRawPointer(mutating: bytes.baseAddress!)
        guard place + part.count <= bytes.count else { return false }
        if memcmp(found, part, part.count) == 0 { return true }
        place += 1
      }
      return false
    }
  }

  @Test func nothingOfAPrivateReadingIsOnTheDiskOrShownOverStopsAndKills() throws {
    let cabinet = try cabinet(window: "1h")
    for life in 0..<3 {
      try cabinet.startAndWait()
      try cabinet.wait("readings") {
        (cabinet.count("acquired") ?? 0) > UInt64(life + 1) * 60
          && cabinet.status()?["store"]?["commits"]?.unsignedInteger ?? 0 > 5
      }
      let points = cabinet.status()?["points"]?.array ?? []
      #expect(points.count == 3 && points[0]["value"]?.double == Double(Self.open))
      #expect(points.dropFirst().allSatisfy { $0["value"] == .null && $0["quality"]?.string == "good" })
      let sensors = try cabinet.control(["sensors", "--json"])
      #expect(sensors.output.contains("1.731") && !sensors.output.contains("1.917"))
      if life == 1 { cabinet.killHard() } else { #expect(try cabinet.stop() == 0) }
      #expect(try isFound(Self.open, below: cabinet.statePath))
      #expect(try !isFound(Self.secret, below: cabinet.statePath))
    }
  }

  @Test func windowsOfTooFewReadingsDoNotLeaveAndAreCounted() throws {
    let cabinet = try cabinet(window: "2s")
    try cabinet.startAndWait()
    try cabinet.wait("suppressed windows") { (cabinet.count("suppressed") ?? 0) >= 2 }
    cabinet.killHard()
    try cabinet.startAndWait()
    #expect((cabinet.count("suppressed") ?? 0) >= 1)
    try cabinet.wait("a window") { (cabinet.count("suppressed") ?? 0) >= 4 }
    #expect(try cabinet.stop() == 0)
    let rows = try cabinet.platform.stats.streams.flatMap { stream in
      try cabinet.platform.rows(of: stream.stream).map { try JSONValue(parsing: $0.text) }
    }
    #expect(
      rows.contains { $0["point"]?.string == "street.secret" && $0["mean"]?.double == Double(Self.secret) })
    #expect(!rows.contains { $0["point"]?.string == "street.few" })
  }
}
