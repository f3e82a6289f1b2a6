import GatewayCore
import Testing

@testable import GatewaySimulator

/// What is a native batch, and what is not. Each verdict is asked of both readers.
@Suite struct BatchScannerTests {
  private func scan(_ text: [UInt8]) -> Result<BatchSummary, BatchProblem> {
    text.withUnsafeBytes { bytes in
      Result { () throws(BatchProblem) in
        var scanner = BatchScanner(bytes, keepsRows: false)
        return try scanner.scan()
      }
    }
  }

  private func check(_ text: [UInt8]) -> Result<BatchSummary, BatchProblem> {
    text.withUnsafeBytes { bytes in Result { () throws(BatchProblem) in try StrictBatch.check(bytes) } }
  }

  private func isBatch(_ text: String) -> Bool {
    let fast = scan(Array(text.utf8))
    let slow = check(Array(text.utf8))
    #expect((try? fast.get()) == (try? slow.get()), "the readers differ: \(fast), \(slow)")
    return (try? fast.get()) != nil
  }

  private static let raw = #""seq":1,"point":"a.b","time":"2026-11-22T21:00:00.000Z","#
  private func batch(_ row: String) -> String {
    #"{"gateway":"g","stream":"0123456789abcdef","first":1,"last":1,"readings":[{\#(row)}]}"#
  }

  @Test func theContractsBatchIsTaken() throws {
    let text = """
      {"gateway":"cabinet-0417","stream":"6b22b4c8d7155218","first":1201,"last":1202,
       "readings":[
        {"seq":1201,"point":"canopy.no2","time":"2026-11-22T21:00:00.000Z","value":21.5,"unit":"GQ","quality":"good"},
        {"seq":1202,"point":"canopy.temperature","time":"2026-11-22T21:01:00.000Z","window":60,"mean":17.31,"min":17.2,"max":17.4,"last":17.3,"count":60,"unit":"CEL","quality":"good"}]}
      """
    #expect(isBatch(text))
    let summary = try scan(Array(text.utf8)).get()
    #expect(
      summary == BatchSummary(gateway: "cabinet-0417", stream: "6b22b4c8d7155218", first: 1201, last: 1202))
  }

  @Test(arguments: [
    #""value":-1.5e-7,"quality":"good""#, #""quality":"good","value":0,"timeQuality":"unsynced""#,
    #""value":null,"quality":"bad","reason":"timeout""#, #""quality":"bad","reason":"timeout""#,
    #""value":18446744073709551615,"quality":"uncertain","reason":"some-bad","unit":"µ\"\\u00e9\n""#,
    #""window":60,"mean":1,"count":2,"bad":1,"partial":true,"quality":"uncertain","reason":"some-bad""#,
    #""window":60,"count":0,"bad":60,"mean":null,"quality":"bad","reason":"timeout""#,
    #""window":60,"sum":2.5,"stddev":0.5,"quality":"good""#,
    #""alarm":"open","state":"raised","value":1,"quality":"good""#,
    #""alarm":"stale","state":"cleared","quality":"good","timeQuality":"unsynced""#,
    #""value":1,"quality":"good","timeQuality":"estimated","timeError":12.5"#,
  ])
  func everyKindOfReadingIsTaken(_ rest: String) { #expect(isBatch(batch(Self.raw + rest))) }

  @Test(arguments: [
    #""alarm":"open","value":1,"quality":"good""#, #""state":"raised","quality":"good""#,
    #""alarm":"","state":"raised","quality":"good""#, #""alarm":"a","state":"on","quality":"good""#,
    #""alarm":"a","state":"raised","window":60,"count":1,"quality":"good""#,
    #""value":1"#, #""quality":"good""#, #""value":null,"quality":"good""#, #""value":1,"quality":"fine""#,
    #""value":1,"quality":"good","reason":"timeout""#, #""value":1,"quality":"bad""#,
    #""value":"1","quality":"good""#, #""value":01,"quality":"good""#, #""value":1.,"quality":"good""#,
    #""value":.5,"quality":"good""#, #""value":+1,"quality":"good""#, #""value":NaN,"quality":"good""#,
    #""value":1,"quality":"good","quality":"good""#, #""value":1,"quality":"good","colour":"red""#,
    #""value":1,"quality":"good","timeQuality":"synced""#, #""value":1,"mean":1,"quality":"good""#,
    #""window":60,"value":1,"quality":"good""#, #""window":0,"mean":1,"quality":"good""#,
    #""window":60,"count":1.5,"quality":"good""#, #""window":60,"partial":false,"quality":"good""#,
    #""value":1,"quality":"good","timeQuality":"estimated""#, #""value":1,"quality":"good","timeError":1"#,
    #""value":1,"quality":"good","timeQuality":"unsynced","timeError":1"#,
    #""value":1,"quality":"good","timeQuality":"estimated","timeError":"1""#,
    #""value":1,"quality":"good","unit":"""#, #""value":1,"quality":"good","#, #""value":1 "quality":"good""#,
  ])
  func aReadingThatBreaksTheContractIsRefused(_ rest: String) { #expect(!isBatch(batch(Self.raw + rest))) }

  @Test(arguments: [
    ("\"first\":1", "\"first\":2"), ("\"last\":1", "\"last\":2"), ("\"first\":1,\"last\":1", "\"first\":1"),
    ("\"seq\":1", "\"seq\":2"), ("\"seq\":1", "\"seq\":-1"), ("\"seq\":1", "\"seq\":1.0"),
    ("\"seq\":1", "\"seq\":99999999999999999999"), ("\"first\":1,\"last\":1", "\"first\":0,\"last\":0"),
    ("0123456789abcdef", "0123456789ABCDEF"), ("0123456789abcdef", "0123456789abcde"), ("\"g\"", "\"-g\""),
    ("\"g\"", "\"G\""), ("\"g\"", "7"), ("21:00:00.000Z", "21:00:00Z"), ("21:00:00.000Z", "24:00:00.000Z"),
    ("2026-11", "2026-13"), ("]}", "]"), ("]}", "]}}"), ("]}", "],\"more\":1}"), ("]}", ",]}"),
    ("{\"gateway\"", "[\"gateway\""), ("\"a.b\"", "\"\""), ("\"a.b\"", "\"a\tb\""), ("\"a.b\"", "\"a\\x\""),
    ("\"a.b\"", "\"a.b"), ("\"readings\":[{", "\"readings\":[],\"readings\":[{"),
  ])
  func aBrokenBatchIsRefused(_ right: String, _ wrong: String) {
    let text = batch(Self.raw + #""value":1,"quality":"good""#)
    #expect(isBatch(text))
    let place = text.firstRange(of: right)!
    #expect(!isBatch(text.replacingCharacters(in: place, with: wrong)))
  }

  @Test func aBatchWithoutReadingsIsRefused() {
    #expect(!isBatch(#"{"gateway":"g","stream":"0123456789abcdef","first":1,"last":1,"readings":[]}"#))
    #expect(!isBatch(""))
    #expect(!isBatch("null"))
  }

  /// Bytes that were hit by chance: never a crash, and one verdict from both readers.
  @Test(arguments: [11, 12, 13] as [UInt64])
  func damagedBatchesGetOneVerdictFromBothReaders(_ seed: UInt64) {
    var dice = SplitMix(seed: seed)
    let original = Array(TestBatch(first: 41, last: 44).text.utf8)
    var taken = 0
    for _ in 0..<1000 {
      var text = original
      for _ in 0...(dice.next() % 2) {
        let place = Int(dice.next() % UInt64(text.count))
        switch dice.next() % 3 {
        case 0: text[place] = UInt8(truncatingIfNeeded: dice.next())
        case 1: text.remove(at: place)
        default: text.insert(original[Int(dice.next() % UInt64(original.count))], at: place)
        }
      }
      let fast = try? scan(text).get()
      let slow = try? check(text).get()
      #expect(fast == slow, "seed \(seed): \(String(decoding: text, as: UTF8.self))")
      if fast != nil { taken += 1 }
    }
    #expect(taken > 0 && taken < 1000, "seed \(seed): \(taken) of 1000 taken")
  }

  @Test func theRowsLieWhereTheScannerSays() throws {
    let text = Array(TestBatch(first: 7, last: 9).text.utf8)
    let rows = try text.withUnsafeBytes { bytes in
      var scanner = BatchScanner(bytes, keepsRows: true)
      _ = try scanner.scan()
      return scanner.rows.map { String(decoding: bytes[$0], as: UTF8.self) }
    }
    #expect(rows.map { try? JSONValue(parsing: $0)["seq"]?.integer } == [7, 8, 9])
  }
}

extension String {
  fileprivate func firstRange(of other: String) -> Range<String.Index>? {
    indices.first { self[$0...].hasPrefix(other) }.map { $0..<index($0, offsetBy: other.count) }
  }

  fileprivate func replacingCharacters(in range: Range<String.Index>, with other: String) -> String {
    self[..<range.lowerBound] + other + self[range.upperBound...]
  }
}
