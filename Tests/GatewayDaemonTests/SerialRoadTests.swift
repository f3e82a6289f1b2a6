import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// Serial lines with the real programs: from what a device says to what the technician sees.
@Suite struct SerialRoadTests {
  private let cabinet: Cabinet
  private var vane: String { cabinet.directory + "/vane" }
  private var dust: String { cabinet.directory + "/dust" }
  private var level: String { cabinet.directory + "/level" }

  init() throws { cabinet = try Cabinet(devices: 1) }

  private func field() throws -> FieldSimulator {
    let frame =
      "42 4d 00 1c 00 05 00 08 00 09 00 05 00 08 00 09 03 4e 00 f1 00 28 00 05 00 00 00 00 97 00 02 dd"
    let yaml = """
      - {pty: \(vane), baud: 4800, talk: [{every: 100ms, nmea: "WIMWV,214.8,R,3.5,M,A"}]}
      - {pty: \(dust), baud: 9600, talk: [{every: 150ms, hex: "\(frame)"}]}
      - {pty: \(level), baud: 19200, answer: [{to: "M1\\r", with: "12,5;CLOSED\\r\\n", delay: 10ms}]}
      """
    return try FieldSimulator(FieldDescription(yaml: Array("servers:\n\(yaml)\n".utf8)))
  }

  private func writeConfig() throws {
    try cabinet.write(
      config: """
        gateway: {id: serial}
        store: {capacity: 16MiB, commit: 100ms}
        defaults: {every: 500ms, window: raw}
        buses:
          - {name: mast, type: serial, device: "\(vane)", baud: 4800, format: 8N1}
          - {name: air, type: serial, device: "\(dust)"}
          - {name: well, type: serial, device: "\(level)", baud: 19200}
        devices:
          - {name: wind, bus: mast, frame: {type: nmea, sentence: WIMWV}, points: [{name: speed, field: 3, unit: MTS}]}
          - name: dust
            bus: air
            frame: {type: binary, start: 42 4D, length: {at: 2, type: uint16, add: 4}, checksum: sum16}
            points: [{name: fine, byte: 12, type: uint16, unit: GQ}]
          - name: level
            bus: well
            frame: {type: ascii, request: "M1\\r", decimal: comma}
            points: [{name: depth, field: 1}, {name: valve, field: 2, map: {OPEN: 1, CLOSED: 0}}]
        """)
  }

  /// What the technician sees: a number as text, "null" where there is none.
  private func values() -> [String: String] {
    var values: [String: String] = [:]
    for point in cabinet.status()?["points"]?.array ?? [] {
      guard let name = point["name"]?.string else { continue }
      values[name] =
        switch point["value"] {
        case .signed(let number): "\(number)"
        case .unsigned(let number): "\(number)"
        case .double(let number): "\(number)"
        default: "null"
        }
    }
    return values
  }

  private static let said = [
    "wind.speed": "3.5", "dust.fine": "8", "level.depth": "12.5", "level.valve": "0",
  ]

  @Test func whatSerialDevicesSayArrivesAlsoAfterTheirAdaptersWerePulledOut() throws {
    let field = try field()
    defer { field.stop() }
    try writeConfig()
    try cabinet.startAndWait()
    try cabinet.wait("all four values") { values() == Self.said }
    try field.set(FieldFault(.unplug))
    try cabinet.wait("the ports to be gone") { values() == Self.said.mapValues { _ in "null" } }
    try field.clearFaults()
    try cabinet.wait("all four values again") { values() == Self.said }
    #expect(try cabinet.stop() == 0)
  }
}
