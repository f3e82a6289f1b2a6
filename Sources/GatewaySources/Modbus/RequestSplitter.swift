internal import GatewayCore

/// Reads one request part by part, and splits what the device refuses with exception 2 until the illegal register
/// is alone: within the same poll as far as it goes, so that the neighbours' values are missing at most once.
/// Owned by the bus's thread.
struct RequestSplitter {
  enum Answer { case read, refused, unknown }

  /// Reads that one poll may add: a device that refuses everything must not hold up its neighbours.
  /// Eighteen find two illegal points among twenty.
  private static let mostReads = 18
  /// A register that was illegal while the device started may not be so for ever; it stays alone all the same.
  private static let secondLook = Duration.seconds(30)
  /// The first look again comes soon: a device that refuses is starting, most likely, and may have refused in the
  /// middle of a split what it gives now. What it costs is bounded by `mostReads`.
  private static let firstLook = Duration.seconds(5)

  private let whole: RequestParts
  private var parts: RequestParts
  private var nextLook = BootTime(microseconds: .max)
  /// The device refused everything: no register is illegal, it is the device that is not ready. Until then the
  /// request is not split again.
  private var nextSplit = BootTime(microseconds: .min)
  /// Something is known that the parts do not show yet.
  private var isUnsettled = false

  init(_ request: PollRequest) {
    whole = RequestParts(request.spans, request.terms)
    parts = whole
  }

  /// Calls `read` for each part that is to be read, and `illegal` for each that is not; together they cover each
  /// of the request's items at least once, the last call for an item being its outcome.
  mutating func poll(
    at now: BootTime, read: (Range<Int>, RequestMerger.Span) -> Answer, illegal: (Range<Int>) -> Void
  ) {
    let looksAgain = now >= nextLook
    if looksAgain { nextLook = now.advanced(by: Self.secondLook) }
    if parts.parts.count == 1, !parts.hasIllegal {
      let only = parts.parts[0]
      guard read(only, parts.span(of: only)) == .refused, now >= nextSplit else { return }
      isUnsettled = true
      var walk = Walk(tried: [], reads: Self.mostReads)
      _ = split(only, &walk, read)
      return finish(walk, at: now)
    }
    var walk = Walk(tried: [], reads: Self.mostReads)
    for part in parts.parts {
      if part.count == 1, parts.isIllegal(part.lowerBound), !looksAgain {
        walk.tried.append(part)
        illegal(part)
      } else {
        _ = resolve(part, &walk, read)
      }
    }
    if isUnsettled { finish(walk, at: now) }
  }

  private struct Walk {
    var tried: [Range<Int>]
    /// Reads that may still be added.
    var reads: Int
    var isComplete = true
    var hasRead = false
  }

  /// Whether the whole part was read.
  private mutating func resolve(
    _ part: Range<Int>, _ walk: inout Walk, _ read: (Range<Int>, RequestMerger.Span) -> Answer
  ) -> Bool {
    switch read(part, parts.span(of: part)) {
    case .read:
      if part.count == 1 { parts.pardon(part.lowerBound) }
      walk.hasRead = true
      walk.tried.append(part)
      return true
    case .unknown:
      walk.tried.append(part)
      walk.isComplete = false
      return false
    case .refused:
      isUnsettled = true
      return split(part, &walk, read)
    }
  }

  private mutating func split(
    _ part: Range<Int>, _ walk: inout Walk, _ read: (Range<Int>, RequestMerger.Span) -> Answer
  ) -> Bool {
    guard part.count > 1 else {
      parts.refuse(part.lowerBound)
      walk.tried.append(part)
      return false
    }
    let (left, right) = RequestParts.halves(of: part)
    guard walk.reads >= 2 else {
      // The rest of it comes with the next poll.
      walk.tried += [left, right]
      walk.isComplete = false
      return false
    }
    walk.reads -= 2
    let isLeftRead = resolve(left, &walk, read)
    let isRightRead = resolve(right, &walk, read)
    if isLeftRead, isRightRead { parts.divide(before: right.lowerBound) }
    return false
  }

  private mutating func finish(_ walk: Walk, at now: BootTime) {
    guard walk.hasRead || !walk.isComplete else {
      (parts, isUnsettled) = (whole, false)
      nextSplit = now.advanced(by: Self.firstLook)
      return
    }
    parts.settle(walk.tried, isComplete: walk.isComplete)
    isUnsettled = !walk.isComplete
    if parts.hasIllegal, nextLook == BootTime(microseconds: .max) {
      nextLook = now.advanced(by: Self.firstLook)
    }
  }
}
