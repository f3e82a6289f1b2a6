package import GatewayCore

/// What a destination's format says about one request beside its body.
package struct RequestHead: Equatable, Sendable {
  /// What follows the configured URL: empty, or from `/` or `?` on.
  package var path = ""
  package var contentType = "application/json"
  /// Whole lines, `Name: value`, without those of credentials.
  package var headers: [String] = []
  /// The file of a secret that stands in the path, at `secretPlace`. The head never holds what is in it.
  package var secretFile: String?

  package static let secretPlace = "{token}"
  /// A GET without a body.
  package var isQuestion = false
  /// Whether the platform may get the request twice; else it is sent once for each `begin`, whatever happens.
  package var isRepeatable = true
  /// Why it cannot be sent at all, which only a person can mend.
  package var obstacle: String?

  package init(path: String = "", contentType: String = "application/json", headers: [String] = []) {
    self.path = path
    self.contentType = contentType
    self.headers = headers
  }
}

/// Writes stored rows as a platform wants them, a batch at a time, which is one request for most. Relies on the caller
/// for rows in the order of their numbers, all of one stream and, between two `use`, of one catalogue. Owned by the
/// forwarder's thread.
package protocol BatchFormat: AnyObject {
  /// The stream of the rows; changed between requests only.
  var stream: StreamID { get set }
  /// Bytes that a row of the present catalogue needs, at most.
  var longestRow: Int { get }

  /// The following rows refer to these points.
  func use(_ catalogue: Catalogue)
  /// Throws the draft away and begins the next request in `buffer`.
  func begin(_ buffer: inout ByteBuffer)
  /// Takes the next row; see `RowFate` for what became of it. Nothing is appended unless it is `.written`.
  func append(_ row: Row, seq: UInt64, to buffer: inout ByteBuffer) -> RowFate
  /// Completes the request, which holds `rows`.
  func finish(_ buffer: inout ByteBuffer, rows: ClosedRange<UInt64>) -> FinishedRequest
}

package enum RowFate: Equatable, Sendable {
  case written
  /// The configuration gives the row no place in this format: nothing of it is to be sent.
  case left
  /// It cannot go with the rows so far: it begins the next request.
  case next
  /// The catalogue has no such point.
  case unknown
}

/// A further request of the same batch: where its body begins.
package struct RequestStart: Equatable, Sendable {
  package var start: Int
  package var head: RequestHead

  package init(_ start: Int, _ head: RequestHead) {
    self.start = start
    self.head = head
  }
}

package struct FinishedRequest: Equatable, Sendable {
  /// Where in the buffer the body begins.
  package var start: Int
  package var head: RequestHead
  /// What the platform answers for part by part; empty where it answers for the whole.
  package var items: [BatchItem]
  /// Where the rows take more than one request: the others, each up to the next one's start. The platform has the rows
  /// when it has accepted all, one after the other.
  package var further: [RequestStart]
  /// What to ask the platform before rows are sent that may be there; empty where it keeps each once.
  package var lookups: [Lookup]
  /// See `DeliveryRequest.isHistory`.
  package var isHistory = false

  package init(
    start: Int = 0, head: RequestHead = RequestHead(), items: [BatchItem] = [],
    further: [RequestStart] = [], lookups: [Lookup] = []
  ) {
    self.start = start
    self.head = head
    self.items = items
    self.further = further
    self.lookups = lookups
  }
}

extension DestinationConfig {
  /// A writer of this destination's format for the rows of a lane. `state`: the directory where formats keep what they
  /// know of a platform.
  package func makeFormat(
    for lane: ForwarderState.Lane = .live, gateway: String, state: String? = nil
  ) -> any BatchFormat {
    switch format {
    case .json: return NativeJSON(gateway: gateway)
    case .influx(let config): return LineProtocol(config, gateway: gateway)
    case .thingsboard(let config): return ThingsBoardTelemetry(config)
    case .ngsi(let config):
      return lane == .backlog && format.hasHistory
        ? NGSIHistory(config, gateway: gateway) : NGSILD(config, gateway: gateway)
    case .sensorThings(let options):
      let book = state.map { directory in
        Result { () throws(DatastreamBook.Flaw) in
          try DatastreamBook.load(from: directory, self, gateway: gateway)
        }
      }
      return SensorThings(destination: name, options: options, book: book)
    }
  }
}
