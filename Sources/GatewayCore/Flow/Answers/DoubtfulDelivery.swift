// For platforms that store a row twice when it comes twice.

extension DeliveryVerdict {
  /// Whether rows of the batch may be at the platform though it did not say so. `outcome`: what was judged.
  package func leavesDoubt(after outcome: DeliveryOutcome) -> Bool {
    guard case .keep = self else { return false }
    switch outcome {
    case .needless, .found: return false
    case .failure(let trouble, _): return trouble == .busy
    case .answer(let answer):
      return 200...299 ~= answer.status || answer.status == 408 || answer.status >= 500
    }
  }
}

extension DeliveryPolicy {
  /// `rows` of the batch were found at the platform; the others are not there.
  static func found(_ rows: [UInt64], of request: DeliveryRequest) -> DeliveryVerdict {
    let there = Set(rows)
    let missing = request.rows.filter { !there.contains($0) }
    if missing.isEmpty { return .accepted }
    return .partly(refused: [], again: missing, cause: "it had \(rows.count) rows of a batch already")
  }
}
