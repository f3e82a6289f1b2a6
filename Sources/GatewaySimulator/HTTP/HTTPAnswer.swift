internal import GatewayCore

/// What a simulated server does with a request that it has read in full.
enum HTTPOutcome: Sendable {
  case answer(HTTPAnswer, after: Duration = .zero)
  /// The connection is closed without a word.
  case close
  /// Nothing ever comes; the connection stays open until the server is told to let go.
  case hang
}

struct HTTPAnswer: Sendable {
  enum Body: Sendable {
    case bytes([UInt8])
    /// One byte at each interval.
    case slow([UInt8], every: Duration)
    /// So many spaces (JSON has any number of them around a value).
    case spaces(UInt64)
    /// The first half, then the end of the connection.
    case truncated([UInt8])
  }

  var status: Int
  var contentType: String
  var retryAfter: String?
  var body: Body

  init(status: Int, contentType: String = "application/json", retryAfter: String? = nil, body: Body) {
    self.status = status
    self.contentType = contentType
    self.retryAfter = retryAfter
    self.body = body
  }

  init(status: Int = 200, json: JSONValue) {
    var buffer = ByteBuffer(capacity: 512)
    JSONWriter.append(json, to: &buffer)
    buffer.append("\n")
    self.init(status: status, body: .bytes(buffer.copyBytes()))
  }

  /// A refusal with its reason.
  init(status: Int, error: String) { self.init(status: status, json: .object(["error": .string(error)])) }
}

/// What answers the requests; called on the server's one thread.
protocol HTTPService: AnyObject, Sendable {
  func respond(to request: HTTPRequest) -> HTTPOutcome
}
