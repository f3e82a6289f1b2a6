internal import Glibc

/// A failed system call: what was tried, and the kernel's reason.
package struct SystemError: Error, Equatable, CustomStringConvertible, Sendable {
  /// `cannot <verb> <noun> "<name>"`
  package var action: String
  /// An `errno` value.
  package var code: Int32

  package init(_ action: String, code: Int32) {
    self.action = action
    self.code = code
  }

  package static func text(_ code: Int32) -> String { String(cString: strerror(code)) }

  package var description: String { "\(action): \(Self.text(code))" }
}

/// Repeats a call that a signal interrupted; returns its result or its `errno`. The one EINTR loop.
package func retrying<Number: SignedInteger>(_ call: () -> Number) -> Result<Number, Errno> {
  while true {
    let result = call()
    let code = errno
    if result >= 0 { return .success(result) }
    if code != EINTR { return .failure(Errno(code: code)) }
  }
}

package struct Errno: Error, Equatable, Sendable {
  package var code: Int32
  package init(code: Int32) { self.code = code }
}
