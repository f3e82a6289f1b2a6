internal import GatewayCore

/// How far the requests of a batch have come that takes more than one. A batch that is sent again goes on with the request
/// that failed: a platform that has ten of them and loses every third answer would hardly ever take all in one run.
struct BatchParts {
  private var batch: (request: DeliveryRequest, clockVersion: UInt64?)?
  private var accepted = 0

  /// Which of the batch's requests is due.
  mutating func next(of batch: borrowing SealedBatch) -> Int {
    // One of the other lane, which may have come between.
    if batch.requestCount == 1 { return 0 }
    let request = batch.request
    // Rows of one stream under the same numbers make the same requests, as long as their times are the same.
    if request != self.batch?.request || batch.clockVersion != self.batch?.clockVersion {
      (self.batch, accepted) = ((request, batch.clockVersion), 0)
    }
    return accepted
  }

  /// Whether another request is due after this outcome; else it decides on the batch.
  mutating func goOn(
    in batch: borrowing SealedBatch, after outcome: DeliveryOutcome, at destination: DestinationConfig
  ) -> Bool {
    guard batch.requestCount > 1,
      DeliveryPolicy.judge(outcome, batch.request, at: destination) == .accepted
    else { return false }
    accepted += 1
    if accepted < batch.requestCount { return true }
    self.batch = nil
    return false
  }
}
