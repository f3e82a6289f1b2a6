// What an attempt to post a batch came to, and what that means for the rows in it. Pure: the table of the
// contract as a function. Nothing here loses a row; a batch that is not accepted is kept and tried again.

/// What one attempt to post a batch came to.
package enum DeliveryOutcome: Equatable, Sendable {
  case answer(DeliveryAnswer)
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
  /// Only a person can mend it: credentials, address, a captive portal, a platform of another kind.
  case misconfigured
}

package enum DeliveryVerdict: Equatable, Sendable {
  /// The platform has the rows.
  case accepted
  case keep(DeliveryTrouble, cause: String, retryAfter: Duration?)
  /// 413: smaller batches may pass.
  case tooLarge
}

package enum DeliveryPolicy {
  /// Judges what became of the batch that holds `rows`.
  package static func judge(
    _ outcome: DeliveryOutcome, rows: ClosedRange<UInt64>, stream: StreamID,
    acknowledgement: DestinationConfig.Acknowledgement
  ) -> DeliveryVerdict {
    switch outcome {
    case .failure(let trouble, let cause): return .keep(trouble, cause: cause, retryAfter: nil)
    case .answer(let answer):
      switch answer.status {
      case 200...299:
        guard let flaw = flaw(of: answer, rows: rows, stream: stream, acknowledgement) else {
          return .accepted
        }
        return .keep(.misconfigured, cause: "status \(answer.status), but \(flaw)", retryAfter: nil)
      case 413: return .tooLarge
      case 408, 425, 429, 500...599: return keep(.busy, answer)
      default: return keep(.misconfigured, answer)
      }
    }
  }

  private static func keep(_ trouble: DeliveryTrouble, _ answer: DeliveryAnswer) -> DeliveryVerdict {
    let said = excerpt(answer)
    return .keep(
      trouble, cause: "status \(answer.status)" + (said.isEmpty ? "" : ": \(said)"),
      retryAfter: wait(seconds: answer.retryAfter))
  }

  /// More than a day means that a clock is wrong, on either side, and is ignored like what lies in the past;
  /// no platform may silence a cabinet for longer than an hour.
  static func wait(seconds: Int64) -> Duration? {
    seconds > 0 && seconds <= 86_400 ? .seconds(min(seconds, 3600)) : nil
  }

  /// Why a 2xx is no acknowledgement; nil when it is one.
  private static func flaw(
    of answer: DeliveryAnswer, rows: ClosedRange<UInt64>, stream: StreamID,
    _ acknowledgement: DestinationConfig.Acknowledgement
  ) -> String? {
    if !answer.isWhole { return "the answer is too large" }
    if isHTML(answer) { return "the answer is a web page (a captive portal?)" }
    switch acknowledgement {
    case .status: return nil
    case .echo:
      guard let echo = try? JSONValue(parsing: answer.body) else { return "the answer is not JSON" }
      let isRight =
        echo["stream"]?.string == stream.description && echo["first"]?.unsignedInteger == rows.lowerBound
        && echo["last"]?.unsignedInteger == rows.upperBound
      return isRight ? nil : "the answer does not repeat stream, first and last"
    }
  }

  /// An empty body is not a page: some frameworks label every empty answer `text/html`. A page without a label
  /// is one all the same.
  private static func isHTML(_ answer: DeliveryAnswer) -> Bool {
    guard !answer.body.isEmpty else { return false }
    if let type = answer.contentType?.split(separator: ";").first {
      let media = String(type).lowercased().filter { $0 != " " && $0 != "\t" }
      return media == "text/html" || media == "application/xhtml+xml"
    }
    let start = String(decoding: answer.body.prefix(64), as: UTF8.self).lowercased().drop { $0.isWhitespace }
    return start.hasPrefix("<!doctype html") || start.hasPrefix("<html")
  }

  /// The beginning of what the platform says, fit for one line of a terminal.
  private static func excerpt(_ answer: DeliveryAnswer) -> String {
    guard !isHTML(answer) else { return "" }
    let printable = answer.body.prefix(120).map { $0 >= 0x20 && $0 < 0x7F ? $0 : 0x20 }
    return String(decoding: printable, as: UTF8.self)
  }
}
