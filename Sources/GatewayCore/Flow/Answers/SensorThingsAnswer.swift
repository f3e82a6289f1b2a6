/// What a SensorThings server says to `CreateObservations` (OGC 18-088, 12.3): a JSON array with a text for each row,
/// in the order of the request over all of its groups, whatever the status. Servers differ:
///
/// * FROST: the new Observation's link, or `error …`; with `resultMetadata=off` nothing for a good row.
/// * django-ogc-sensorthings: the same, and one bad row fails its whole group.
/// * GOST: an error's text without the word.
///
/// So a row is there when its text is a link to an Observation, or empty.
enum SensorThingsAnswer {
  /// Relies on `request.items` for the groups with their rows in order.
  static func verdict(on answer: DeliveryAnswer, _ request: DeliveryRequest) -> DeliveryVerdict {
    let count = request.items.reduce(0) { $0 + $1.rows.count }
    guard let texts = (try? JSONValue(parsing: answer.body))?.array, texts.count == count else {
      let cause =
        "status \(answer.status), but the answer is not a list of one text for each of \(count) rows"
      return .keep(.misconfigured, cause: cause, retryAfter: nil)
    }
    var rest = texts[...]
    var (refused, again): ([RowRefusal], [UInt64]) = ([], [])
    var cause = ""
    for item in request.items {
      let errors = zip(item.rows, rest.prefix(item.rows.count)).compactMap { row, text in
        error(text).map { RowRefusal(seq: row, cause: $0) }
      }
      rest = rest.dropFirst(item.rows.count)
      if let first = errors.first, cause.isEmpty { cause = first.cause }
      // A group that fails as a whole may do so because of one row of it.
      if errors.count > 1 && errors.count == item.rows.count {
        again += item.rows
      } else {
        refused += errors
      }
    }
    if refused.isEmpty && again.isEmpty { return .accepted }
    // Nothing was taken: halved, the rows find out which of them it is.
    if refused.count + again.count == request.rows.count { return .refused(cause: cause) }
    return .partly(refused: refused, again: again.sorted(), cause: cause)
  }

  /// nil for a row that is there.
  private static func error(_ text: JSONValue) -> String? {
    guard let text = text.string else { return "an answer that is no text" }
    if text.isEmpty || text.contains("Observations(") && !text.hasPrefix("error") { return nil }
    return DeliveryPolicy.printable(text.utf8)
  }
}
