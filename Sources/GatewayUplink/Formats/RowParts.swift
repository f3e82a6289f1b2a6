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

extension WindowSummary {
  /// The statistics in the point's own unit, under the native batch's names and in its order; none of an empty window.
  @inline(__always)
  func forEachStatistic(in functions: WindowFunctions, _ body: (StaticString, Value) -> Void) {
    guard count > 0 else { return }
    if functions.contains(.mean) { body("mean", .double(mean)) }
    if functions.contains(.min) { body("min", .double(min)) }
    if functions.contains(.max) { body("max", .double(max)) }
    if functions.contains(.last) { body("last", last) }
    if functions.contains(.sum) { body("sum", .double(sum)) }
    if functions.contains(.standardDeviation) { body("stddev", .double(standardDeviation)) }
  }
}
