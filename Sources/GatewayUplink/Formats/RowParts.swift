// What several formats take out of a row alike.
internal import GatewayCore

/// A point's full name, `device.point`, in its two parts.
struct SplitName: Equatable {
  var device: String
  var point: String

  init(_ name: String) {
    device = String(name.prefix { $0 != "." })
    point = String(name.dropFirst(device.count + 1))
    // A name that has no dot stands for both.
    if point.isEmpty { point = device }
  }
}

/// What a statistic is called in a flat record: its word, behind that of durations the state.
struct StatisticKey {
  var word: StaticString
  var state: Double?

  /// A state is a whole number, mostly; what it lacks of one is kept.
  func append(to buffer: inout ByteBuffer) {
    buffer.append(word)
    guard let state else { return }
    buffer.append("_")
    Self.append(state: state, to: &buffer)
  }

  static func append(state: Double, to buffer: inout ByteBuffer) {
    if state.isFinite { JSONWriter.append(double: state, to: &buffer) } else { buffer.append("other") }
  }
}

extension WindowSummary {
  /// What the extras of these points take at most, under keys of `key` bytes more than their words: the share of good
  /// readings, and where more is asked for eleven others, and seven durations with their states.
  static func longestExtras(of points: [PointDescription], key: Int = 0) -> Int {
    let functions = points.reduce(into: WindowFunctions()) { $0.formUnion($1.functions) }
    let others = functions.isDisjoint(with: .extras) ? 0 : 11
    let durations = functions.contains(.durations) ? 7 : 0
    return (1 + others) * (40 + key) + durations * (80 + key)
  }

  /// The statistics in the point's own unit, under the native batch's names and in its order, but for the count; none
  /// of an empty window.
  @inline(__always)
  func forEachStatistic(in functions: WindowFunctions, _ body: (StatisticKey, Value) -> Void) {
    guard count > 0 else { return forEachExtra(body) }
    if functions.contains(.mean) { body(StatisticKey(word: "mean"), .double(mean)) }
    if functions.contains(.min) { body(StatisticKey(word: "min"), .double(min)) }
    if functions.contains(.max) { body(StatisticKey(word: "max"), .double(max)) }
    if functions.contains(.last) { body(StatisticKey(word: "last"), last) }
    if functions.contains(.sum) { body(StatisticKey(word: "sum"), .double(sum)) }
    if functions.contains(.standardDeviation) {
      body(StatisticKey(word: "stddev"), .double(standardDeviation))
    }
    if functions.contains(.range) { body(StatisticKey(word: "range"), .double(max - min)) }
    forEachExtra(body)
  }

  private func forEachExtra(_ body: (StatisticKey, Value) -> Void) {
    for extra in extras {
      guard let word = WindowFunctions.words.first(where: { $0.function == extra.function })?.word else {
        continue
      }
      body(StatisticKey(word: word, state: extra.function == .durations ? extra.state : nil), extra.value)
    }
  }
}
