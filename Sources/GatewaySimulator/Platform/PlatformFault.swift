/// What goes wrong at the simulated platform.
package enum PlatformFault: Equatable, Sendable {
  /// Nothing is stored. A 200 of `text/html` is a captive portal.
  case status(
    Int, retryAfter: String? = nil, contentType: String = "application/json",
    body: String = #"{"error":"as asked"}"#)
  /// Stored; the answer comes late.
  case delay(Duration)
  /// Nothing is stored, and no answer ever comes.
  case hang
  /// Nothing is stored; the connection is closed instead of answering.
  case closeBefore
  /// Stored; the connection is closed instead of answering.
  case closeAfter
  /// Stored; the answer comes at one byte a second.
  case slow
  /// Stored; an answer of 1 GB.
  case huge
  /// Stored; the connection is closed in the middle of the answer.
  case truncate
  /// A batch with one of these rows is refused whole with this status.
  case poison(ClosedRange<UInt64>, status: Int)
  /// A batch of more rows is refused with 413.
  case rowLimit(Int)

  /// Whether it knows its batch only after that was read.
  var dependsOnBatch: Bool {
    switch self {
    case .poison, .rowLimit: true
    default: false
    }
  }
}
