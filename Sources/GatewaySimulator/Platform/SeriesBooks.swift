/// What a platform has that keeps one point for each series and time, and lets a later one take its place. A value under
/// the simulator's lock; it grows with the points.
struct SeriesBooks: Sendable {
  enum Entry: Equatable { case new, again, overwriting }

  private var contents: [String: String] = [:]
  /// The first type of a field of a measurement wins.
  private var types: [String: String] = [:]

  mutating func take(_ name: String, _ content: String) -> Entry {
    switch contents.updateValue(content, forKey: name) {
    case nil: .new
    case content: .again
    default: .overwriting
    }
  }

  /// The type that a field has already, where that is another.
  mutating func conflict(_ field: String, _ type: String) -> String? {
    if let first = types[field] { return first == type ? nil : first }
    types[field] = type
    return nil
  }
}
