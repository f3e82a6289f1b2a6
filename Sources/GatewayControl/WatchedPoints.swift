package import GatewayCore

/// Points as somebody names them, and what a subscriber has seen of them.
package struct WatchedPoints: Sendable {
  /// Names of points and of devices; none stands for all.
  private let names: Set<String>
  private var seen: [String: Timestamp] = [:]

  package init(names: [String]) { self.names = Set(names) }

  /// The points whose last reading is another than the one that was seen last.
  package mutating func news(in points: [StatusSnapshot.Point]) -> [StatusSnapshot.Point] {
    var news: [StatusSnapshot.Point] = []
    for point in points where covers(point.name) {
      guard let time = point.time, seen.updateValue(time, forKey: point.name) != time else { continue }
      news.append(point)
    }
    return news
  }

  /// A name that is neither a point's nor a device's.
  package func unknown(in points: [StatusSnapshot.Point]) -> String? {
    var unknown = names
    for point in points {
      unknown.remove(point.name)
      unknown.remove(Self.device(of: point.name))
    }
    return unknown.min()
  }

  package func covers(_ name: String) -> Bool {
    names.isEmpty || names.contains(name) || names.contains(Self.device(of: name))
  }

  private static func device(of name: String) -> String {
    String(name.prefix { $0 != "." })
  }
}
