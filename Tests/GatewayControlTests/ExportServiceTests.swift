import GatewayControl
import GatewayCore
import GatewaySystem
import Synchronization
import Testing

/// `Store`, `Export` and `MarkDelivered` through a real socket.
@Suite struct ExportServiceTests {
  private static let stream = StreamID(bits: 0x6b22_b4c8_d715_5218)
  private static let status = "{\"method\":\"org.citygateway.Status\",\"parameters\":{}}\0"

  private func export(_ client: RawClient, parameters: String = "{}", more: Bool = true) {
    client.send(
      "{\"method\":\"org.citygateway.Export\",\"more\":\(more),\"parameters\":\(parameters)}\0")
  }

  private func batch(_ rows: ClosedRange<UInt64>, bytes: Int = 10) -> ExportedBatch {
    ExportedBatch(
      stream: Self.stream, rows: rows, text: "{\"a\":\"" + String(repeating: "x", count: bytes) + "\"}")
  }

  @Test func eachBatchIsAReplyAndItsTextIsKept() throws {
    try withServer { path, cabinet in
      cabinet.state.withLock { $0.export = ScriptedExport([batch(1...3, bytes: 2), batch(4...4)], lost: 7) }
      let client = try RawClient(path)
      export(client)
      #expect(
        client.message()
          == #"{"continues":true,"parameters":{"batch":"{\"a\":\"xx\"}","stream":"6b22b4c8d7155218","#
          + #""first":1,"last":3}}"#)
      #expect(client.message()?.contains(#""first":4,"last":4}"#) == true)
      #expect(client.message() == #"{"parameters":{"lost":7}}"#)
      // The connection goes on.
      client.send(Self.status)
      #expect(client.message() != nil)
    }
  }

  @Test func whoDoesNotReadHoldsNobodyUpAndIsForgottenWhenHeGoes() throws {
    var limits = VarlinkServer.Limits()
    limits.patience = .milliseconds(200)
    try withServer(limits: limits) { path, cabinet in
      let batches = (1...50).map { batch(UInt64($0)...UInt64($0), bytes: 300_000) }
      let script = ScriptedExport(batches)
      cabinet.state.withLock { $0.export = script }
      var client: RawClient? = try RawClient(path)
      if let client { export(client) }
      #expect(eventually { script.state.withLock { $0.batches.count < 50 } })
      let other = try RawClient(path)
      for _ in 0..<50 {
        other.send(Self.status)
        #expect(other.message() != nil)
      }
      // No more was taken than the socket holds, and a stick may take longer than other readers.
      #expect(eventually { script.state.withLock { $0.batches.count } <= 49 })
      #expect(script.state.withLock { $0.batches.count > 40 && !$0.isCancelled })
      client = nil
      #expect(eventually { script.state.withLock { $0.isCancelled } })
    }
  }

  @Test func whatCannotBeBegunIsSaid() throws {
    try withServer { path, _ in
      let client = try RawClient(path)
      export(client, more: false)
      #expect(client.message() == #"{"error":"org.varlink.service.ExpectedMore","parameters":{}}"#)
      export(client)
      #expect(
        client.message()
          == #"{"error":"org.citygateway.ExportOccupied","parameters":{"cause":"another export goes on"}}"#)
      export(client, parameters: #"{"destination":"plattform"}"#)
      #expect(
        client.message()
          == #"{"error":"org.citygateway.UnknownDestination","parameters":{"destination":"plattform","#
          + #""known":["platform"]}}"#)
      export(client, parameters: #"{"destination":7}"#)
      #expect(client.message()?.contains("InvalidParameter") == true)
    }
  }

  @Test func onlyRunsThatNameRowsAreMarked() throws {
    try withServer { path, cabinet in
      let client = try RawClient(path)
      func mark(_ runs: String) -> String? {
        client.send("{\"method\":\"org.citygateway.MarkDelivered\",\"parameters\":{\"runs\":\(runs)}}\0")
        return client.message()
      }
      #expect(
        mark(
          #"[{"stream":"6b22b4c8d7155218","first":1,"last":30},{"stream":"00000000000000ff","first":31,"last":31}]"#
        )
          == #"{"parameters":{"marked":31,"refused":0}}"#)
      #expect(
        cabinet.state.withLock { $0.marked } == [
          ExportedRun(stream: Self.stream, rows: 1...30),
          ExportedRun(stream: StreamID(bits: 255), rows: 31...31),
        ])
      for wrong in [
        "7", "[7]", #"[{"stream":"x","first":1,"last":2}]"#,
        #"[{"stream":"6b22b4c8d7155218","first":0,"last":2}]"#,
        #"[{"stream":"6b22b4c8d7155218","first":3,"last":2}]"#,
        #"[{"stream":"6b22b4c8d7155218","first":3,"last":18446744073709551615}]"#,
        #"[{"stream":"6b22b4c8d7155218","first":-3,"last":2}]"#,
      ] {
        #expect(
          mark(wrong)
            == #"{"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"runs"}}"#,
          "\(wrong)")
      }
    }
  }

  @Test func onlyWhoMayChangeThingsCarriesRowsOut() {
    let service = ControlService(delegate: Cabinet())
    for method in ["Export", "MarkDelivered"] {
      let call = VarlinkCall(method: "org.citygateway.\(method)", takesMore: true)
      guard case .reply(let bytes) = service.answer(call, mayChange: false) else {
        Issue.record("\(method) is begun")
        continue
      }
      #expect(String(decoding: bytes, as: UTF8.self).contains("PermissionDenied"))
    }
  }

  @Test func theStoreIsToldOfAsItsReportHasIt() throws {
    try withServer { path, cabinet in
      let client = try RawClient(path)
      client.send("{\"method\":\"org.citygateway.Store\"}\0")
      let reply = try JSONValue(parsing: try #require(client.message()))
      #expect(reply["parameters"].flatMap(StoreReport.init(json:)) == .calm)
    }
  }
}
