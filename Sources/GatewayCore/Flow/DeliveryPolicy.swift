// What an attempt to post a batch came to, and what that means for the rows in it. Pure: the table of the
// contract as a function. Nothing here loses a row; a batch that is not accepted is kept and tried again.

/// What one attempt to post a batch came to.
package enum DeliveryOutcome: Equatable, Sendable {
  case answer(DeliveryAnswer)
  /// There was nothing in the batch for this platform.
  case needless
  /// Nothing was sent: the platform said that it has these rows already, and only these.
  case found([UInt64])
  /// There was no answer, or only the beginning of one.
  case failure(DeliveryTrouble, cause: String)
}

/// The platform's HTTP answer, as it came.
package struct DeliveryAnswer: Equatable, Sendable {
  package var status: Int
  package var contentType: String?
  /// `Retry-After` in seconds from now, whichever form it had; 0 when there was none.
  package var retryAfter: Int64
  package var body: [UInt8]
  /// Whether the answer ended within the size that the transport takes.
  package var isWhole: Bool

  package init(
    status: Int, contentType: String? = nil, retryAfter: Int64 = 0, body: [UInt8] = [], isWhole: Bool = true
  ) {
    self.status = status
    self.contentType = contentType
    self.retryAfter = retryAfter
    self.body = body
    self.isWhole = isWhole
  }
}

/// Why a batch could not be handed over; decides how soon it is tried again.
package enum DeliveryTrouble: Equatable, Sendable {
  /// Nobody was reached: refused, unknown host, no answer to the connect.
  case unreachable
  /// Somebody was reached who cannot take it at present.
  case busy
  /// And who says that there is too much to do: 429, 503.
  case overloaded
  /// Only a person can mend it: credentials, address, a captive portal, a platform of another kind.
  case misconfigured
}

/// A part of a request that the platform answers for by itself, and the rows in it.
package struct BatchItem: Equatable, Sendable {
  /// What the answer calls it: an entity's id, or its place.
  package var name: String
  package var rows: [UInt64]

  package init(name: String, rows: [UInt64]) {
    self.name = name
    self.rows = rows
  }
}

/// A row that the platform will never take, and what it says about it.
package struct RowRefusal: Equatable, Sendable {
  package var seq: UInt64
  package var cause: String

  package init(seq: UInt64, cause: String) {
    self.seq = seq
    self.cause = cause
  }
}

/// What was asked of the platform.
package struct DeliveryRequest: Equatable, Sendable {
  package var rows: ClosedRange<UInt64>
  package var stream: StreamID
  package var items: [BatchItem]
  /// It went where `DestinationConfig.Format.hasHistory` has old rows go.
  package var isHistory: Bool

  package init(
    rows: ClosedRange<UInt64>, stream: StreamID, items: [BatchItem] = [], isHistory: Bool = false
  ) {
    self.rows = rows
    self.stream = stream
    self.items = items
    self.isHistory = isHistory
  }
}

package enum DeliveryVerdict: Equatable, Sendable {
  /// The platform has the rows.
  case accepted
  /// It refuses some for ever and has the others, save those of `again`, which have to be sent again.
  case partly(refused: [RowRefusal], again: [UInt64], cause: String)
  /// It refuses the batch for ever: because of one row, mostly.
  case refused(cause: String)
  case keep(DeliveryTrouble, cause: String, retryAfter: Duration?)
  /// 413: smaller batches may pass.
  case tooLarge
}

package enum DeliveryPolicy {
  /// Judges what became of a batch.
  package static func judge(
    _ outcome: DeliveryOutcome, _ request: DeliveryRequest, at destination: DestinationConfig
  ) -> DeliveryVerdict {
    switch outcome {
    case .needless: return .accepted
    case .found(let rows): return found(rows, of: request)
    case .failure(let trouble, let cause): return .keep(trouble, cause: cause, retryAfter: nil)
    case .answer(let answer):
      if let verdict = partwise(answer, request, destination.format) { return verdict }
      switch answer.status {
      case 200...299:
        if let flaw = flaw(of: answer, request, destination.acknowledgement) {
          return .keep(.misconfigured, cause: "status \(answer.status), but \(flaw)", retryAfter: nil)
        }
        return .accepted
      case 400, 422:
        return isHTML(answer) ? keep(.misconfigured, answer) : .refused(cause: cause(answer))
      case 413: return .tooLarge
      case 429, 503: return keep(.overloaded, answer)
      case 408, 425, 500...599: return keep(.busy, answer)
      default: return keep(.misconfigured, answer)
      }
    }
  }

  /// What an answer says in the words of its format; nil where its status says it all.
  private static func partwise(
    _ answer: DeliveryAnswer, _ request: DeliveryRequest, _ format: DestinationConfig.Format
  ) -> DeliveryVerdict? {
    if request.isHistory, let verdict = NGSIAnswer.verdict(onHistory: answer) { return verdict }
    guard answer.isWhole, !isHTML(answer) else { return nil }
    return switch format {
    case .json: nil
    case .influx: only(204, answer, "InfluxDB confirms a write with")
    case .thingsboard: only(200, answer, "ThingsBoard confirms telemetry with")
    case .ngsi where request.isHistory:
      answer.status == 201 ? nil : only(204, answer, "a broker confirms history with 201 or")
    case .ngsi: NGSIAnswer.verdict(answer, request)
    case .sensorThings:
      (200...299).contains(answer.status) ? SensorThingsAnswer.verdict(on: answer, request) : nil
    }
  }

  /// What answers otherwise is a platform of another kind.
  private static func only(_ status: Int, _ answer: DeliveryAnswer, _ subject: String) -> DeliveryVerdict? {
    guard (200...299).contains(answer.status), answer.status != status else { return nil }
    return .keep(.misconfigured, cause: "\(cause(answer)), but \(subject) \(status)", retryAfter: nil)
  }

  static func keep(_ trouble: DeliveryTrouble, _ answer: DeliveryAnswer) -> DeliveryVerdict {
    .keep(trouble, cause: cause(answer), retryAfter: wait(seconds: answer.retryAfter))
  }

  static func cause(_ answer: DeliveryAnswer) -> String {
    let said = excerpt(answer)
    return "status \(answer.status)" + (said.isEmpty ? "" : ": \(said)")
  }

  /// No platform may silence a cabinet for longer than an hour, and a clock that is wrong, on either side, neither.
  static func wait(seconds: Int64) -> Duration? {
    seconds > 0 ? .seconds(min(seconds, 3600)) : nil
  }

  /// Why a 2xx is no acknowledgement; nil when it is one.
  private static func flaw(
    of answer: DeliveryAnswer, _ request: DeliveryRequest,
    _ acknowledgement: DestinationConfig.Acknowledgement
  ) -> String? {
    if !answer.isWhole { return "the answer is too large" }
    if isHTML(answer) { return "the answer is a web page (a captive portal?)" }
    switch acknowledgement {
    case .status: return nil
    case .echo:
      guard let echo = try? JSONValue(parsing: answer.body) else { return "the answer is not JSON" }
      let isRight =
        echo["stream"]?.string == request.stream.description
        && echo["first"]?.unsignedInteger == request.rows.lowerBound
        && echo["last"]?.unsignedInteger == request.rows.upperBound
      return isRight ? nil : "the answer does not repeat stream, first and last"
    }
  }

  /// An empty body is not a page: some frameworks label every empty answer `text/html`. A page without a label
  /// is one all the same.
  private static func isHTML(_ answer: DeliveryAnswer) -> Bool {
    guard !answer.body.isEmpty else { return false }
    let start = String(decoding: answer.body.prefix(64), as: UTF8.self).lowercased()
      .drop { $0.isWhitespace || $0 == "\u{FEFF}" }
    if start.hasPrefix("<!doctype html") { return true }
    if let type = answer.contentType?.split(separator: ";").first {
      let media = String(type).lowercased().filter { $0 != " " && $0 != "\t" }
      if media == "text/html" || media == "application/xhtml+xml" { return true }
      // A portal that answers with the type that was asked for.
      return media.hasSuffix("json") && start.hasPrefix("<")
    }
    return start.hasPrefix("<html")
  }

  /// The beginning of what the platform says, fit for one line of a terminal.
  private static func excerpt(_ answer: DeliveryAnswer) -> String {
    guard !isHTML(answer) else { return "" }
    return printable(answer.body)
  }

  /// The first `limit` bytes of what a peer says, with a blank for each that is no visible ASCII.
  package static func printable(_ bytes: some Sequence<UInt8>, limit: Int = 120) -> String {
    String(decoding: bytes.prefix(limit).map { $0 >= 0x20 && $0 < 0x7F ? $0 : 0x20 }, as: UTF8.self)
  }
}
