internal import GatewayCore

/// When a bus that cannot be reached may be tried again: at most once a second, for at most a fifth of the time.
struct ConnectAttempts {
  /// After a connection failed, the next attempt waits for `patience` times what it took, within these.
  private static let patience = 4
  private static let shortestWait = Duration.seconds(1)
  /// An adapter or a server that comes back is in use again within 5 s.
  private static let longestWait = Duration.seconds(4)

  private var next = BootTime(microseconds: .min)

  func areDue(at now: BootTime) -> Bool { now >= next }

  mutating func failed(from began: BootTime, to end: BootTime) {
    let wait = began.duration(to: end) * Self.patience
    next = end.advanced(by: max(Self.shortestWait, min(wait, Self.longestWait)))
  }
}
