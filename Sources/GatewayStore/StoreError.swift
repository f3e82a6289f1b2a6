/// Why the store cannot be opened or written. Damage is not among the reasons: it costs rows, never the
/// start.
package enum StoreError: Error, Equatable, CustomStringConvertible, Sendable {
  /// Another daemon holds the state directory.
  case busy(String)
  /// The directory or the file cannot be used; the text says what to do about it.
  case unusable(String)
  /// A newer gateway wrote the store; nothing was changed.
  case newer(String)
  /// The rows are not on the medium. The caller keeps them and appends them again later.
  case write(String)

  package var description: String {
    switch self {
    case .busy(let text), .unusable(let text), .newer(let text), .write(let text): text
    }
  }
}
