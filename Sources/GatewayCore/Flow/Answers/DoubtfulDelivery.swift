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

  /// Whether the batch goes again byte for byte, whatever becomes known of its times: its answer was lost. One that was
  /// answered may change, but where the platform keeps rows twice and is asked for them by their times (`looksUp`): not
  /// after an answer that says that it took something, nor after that of a proxy which lost the platform's.
  package func keepsBytes(after outcome: DeliveryOutcome, looksUp: Bool) -> Bool {
    guard leavesDoubt(after: outcome) else { return false }
    guard case .answer(let answer) = outcome else { return true }
    return looksUp && (200...299 ~= answer.status || [502, 504].contains(answer.status))
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
