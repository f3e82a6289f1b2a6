internal import GatewaySystem
internal import Glibc

/// Why the store cannot be opened or written. Damage is not among the reasons: it costs rows, never the
/// start.
package enum StoreError: Error, Equatable, CustomStringConvertible, Sendable {
  /// Another daemon holds the state directory.
  case busy(String)
  /// The directory or the file cannot be used; the text says what to do about it.
  case unusable(String)
  /// The medium is not there, or does not work: it may return by itself.
  case away(String)
  /// A newer gateway wrote the store; nothing was changed.
  case newer(String)
  /// The rows are not on the medium. The caller keeps them and appends them again later.
  case write(String)

  package var description: String {
    switch self {
    case .busy(let text), .unusable(let text), .away(let text), .newer(let text), .write(let text): text
    }
  }

  /// What a system call's failure says of the medium: that it is away, or that a person has to do something.
  package static func refused(_ text: String, code: Int32) -> StoreError {
    awayCodes.contains(code) ? .away(text) : .unusable(text)
  }

  private static let awayCodes: Set<Int32> = [
    ENOENT, EROFS, EIO, ENOSPC, EDQUOT, ENODEV, ENXIO, ENOMEDIUM, ESTALE, ETIMEDOUT, EUCLEAN, EBADMSG,
    ENOTCONN,
    ESHUTDOWN,
  ]
}
