package import GatewayCore

/// A question to the platform for rows that may have arrived, which a format asks for where the platform would store
/// them twice: Observations (OGC 18-088, 9.3) whose `parameters.recordId` says which rows they are.
package struct Lookup: Equatable, Sendable {
  /// With everything but the pages.
  package var path: String
  package var stream: StreamID
  package var rows: [UInt64]

  package init(path: String, stream: StreamID, rows: [UInt64]) {
    self.path = path
    self.stream = stream
    self.rows = rows
  }
}

/// The questions for one batch, one after the other, page by page. The pages are counted here: a server's own
/// `nextLink` may name another host.
struct Inquiry {
  enum Step {
    /// Another question.
    case ask(RequestHead)
    /// The rows that are there.
    case known([UInt64])
    /// It was not answered, for this reason.
    case failed(DeliveryOutcome)
  }

  /// FROST gives 100 at most unless it is configured otherwise.
  private static let page = 100
  /// More Observations in a batch's time than this are not ours.
  private static let mostPages = 10_000

  private var lookups: ArraySlice<Lookup>
  private var skip = 0
  private var pages = 0
  private var found: [UInt64] = []

  /// `lookups`: one at least.
  init(_ lookups: some Sequence<Lookup>) { self.lookups = Array(lookups)[...] }

  var head: RequestHead {
    var head = RequestHead(path: "\(lookups.first?.path ?? "")&$top=\(Self.page)&$skip=\(skip)")
    head.isQuestion = true
    return head
  }

  mutating func take(_ outcome: DeliveryOutcome) -> Step {
    guard case .answer(let answer) = outcome, let lookup = lookups.first else { return .failed(outcome) }
    guard answer.status == 200 else { return .failed(Self.refusal(answer) ?? outcome) }
    guard answer.isWhole, let list = try? JSONValue(parsing: answer.body), let values = list["value"]?.array
    else { return .failed(Self.trouble("status 200, but no list of Observations")) }
    found += values.compactMap { row(of: $0, lookup) }
    pages += 1
    if list["@iot.nextLink"]?.string != nil && !values.isEmpty && pages < Self.mostPages {
      skip += values.count
    } else {
      (skip, pages) = (0, 0)
      lookups.removeFirst()
    }
    return lookups.isEmpty ? .known(Set(found).sorted()) : .ask(head)
  }

  /// nil for an Observation that is none of ours.
  private func row(of observation: JSONValue, _ lookup: Lookup) -> UInt64? {
    guard let record = observation["parameters"]?["recordId"]?.string,
      record.hasPrefix("\(lookup.stream)-"), let seq = UInt64(record.dropFirst(17)), lookup.rows.contains(seq)
    else { return nil }
    return seq
  }

  /// What would mean that the batch is refused means here that the question is.
  private static func refusal(_ answer: DeliveryAnswer) -> DeliveryOutcome? {
    switch answer.status {
    case 401, 403, 408, 425, 429, 500...599: nil
    default: trouble("status \(answer.status)")
    }
  }

  private static func trouble(_ what: String) -> DeliveryOutcome {
    .failure(.misconfigured, cause: "it was asked which rows of a batch arrived, and answered with \(what)")
  }
}
