internal import GatewayCore

/// One line: who refused the row and why, the point and its description, and the row as the store encodes it.
enum QuarantineLine {
  static func text(_ entry: QuarantineEntry) -> String {
    let row = entry.row
    let point = row.catalogue.points.first?.name ?? ""
    var members: [String: JSONValue] = [
      "destination": .string(entry.destination), "stream": .string(row.stream.description),
      "seq": .unsigned(row.seq), "point": .string(point), "cause": .string(row.cause),
      "boot": .string("\(StreamID(bits: row.boot.high))\(StreamID(bits: row.boot.low))"),
      "catalogue": .string(HexText.of(row.catalogue.encoded)),
      "row": .string(HexText.of(row.commit.payload)),
    ]
    if entry.isRetried { members["retried"] = .bool(true) }
    var buffer = ByteBuffer()
    JSONWriter.append(.object(members), to: &buffer)
    return String(decoding: buffer.copyBytes(), as: UTF8.self)
  }

  static func entry(_ line: some Collection<UInt8>) -> QuarantineEntry? {
    guard let value = try? JSONValue(parsing: Array(line)), let destination = value["destination"]?.string,
      let stream = value["stream"]?.string.flatMap({ UInt64($0, radix: 16) }),
      let seq = value["seq"]?.unsignedInteger, seq > 0, let cause = value["cause"]?.string,
      let boot = value["boot"]?.string.flatMap({ BootID(text: $0) }),
      let catalogue = value["catalogue"]?.string.flatMap(HexText.bytes).flatMap(Catalogue.init(decoding:)),
      catalogue.points.count == 1, let payload = value["row"]?.string.flatMap(HexText.bytes),
      let row = row(payload), row.point == 0
    else { return nil }
    return QuarantineEntry(
      destination: destination,
      row: QuarantinedRow(
        seq: seq, stream: StreamID(bits: stream), boot: boot, cause: cause, row: row, catalogue: catalogue),
      isRetried: value["retried"]?.bool ?? false)
  }

  private static func row(_ payload: [UInt8]) -> Row? {
    payload.withUnsafeBytes { bytes in
      var decoder = RowDecoder(bytes, rowCount: 1)
      return try? decoder.next()
    }
  }

}
