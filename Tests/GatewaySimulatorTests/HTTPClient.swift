import GatewayCore
import GatewaySimulator
import GatewaySystem

/// An answer as it came over the wire.
struct HTTPReply {
  var status: Int
  var head: String
  var body: [UInt8]

  var json: JSONValue? { try? JSONValue(parsing: body) }

  /// nil when not even a status line came.
  init?(_ bytes: [UInt8]) {
    let end: [UInt8] = [13, 10, 13, 10]
    guard let place = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) else { return nil }
    head = String(decoding: bytes[..<place], as: UTF8.self)
    body = Array(bytes[(place + 4)...])
    guard let code = head.split(separator: " ").dropFirst().first, let status = Int(code) else { return nil }
    self.status = status
  }
}

func httpRequest(
  _ method: String, _ path: String, headers: [String] = [], body: [UInt8] = []
) -> [UInt8] {
  let lines = ["\(method) \(path) HTTP/1.1", "Host: x", "Connection: close", "Content-Length: \(body.count)"]
  return Array(((lines + headers).joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
}

/// One exchange on a connection of its own; nil when it is refused or cut before the head is whole.
func http(
  _ method: String, _ path: String, headers: [String] = [], body: [UInt8] = [], at address: ListenAddress
) -> HTTPReply? {
  guard let client = TestClient(address) else { return nil }
  client.send(httpRequest(method, path, headers: headers, body: body))
  return HTTPReply(client.receiveAll().bytes)
}

/// A batch as the contract shows it.
struct TestBatch {
  static let stream = "6b22b4c8d7155218"
  var first: UInt64
  var last: UInt64
  var stream = TestBatch.stream

  var text: String {
    let rows = (first...last).map { seq in
      seq % 2 == 1
        ? #"{"seq":\#(seq),"point":"canopy.no2","time":"2026-11-22T21:00:00.000Z","value":21.5,"unit":"GQ","quality":"good"}"#
        : #"{"seq":\#(seq),"point":"canopy.temperature","time":"2026-11-22T21:01:00.000Z","window":60,"#
          + #""mean":17.31,"min":17.2,"max":17.4,"last":17.3,"count":60,"unit":"CEL","quality":"good"}"#
    }
    return #"{"gateway":"cabinet-0417","stream":"\#(stream)","first":\#(first),"last":\#(last),"#
      + "\n \"readings\":[\n  " + rows.joined(separator: ",\n  ") + "]}"
  }

  var headers: [String] {
    ["Content-Type: application/json", "Idempotency-Key: \"\(stream)-\(first)-\(last)\""]
  }

  func post(to platform: PlatformSimulator) -> HTTPReply? {
    http("POST", "/v1/batches", headers: headers, body: Array(text.utf8), at: platform.address)
  }
}
