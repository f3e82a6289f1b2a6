internal import GatewayCore

/// What a request shows of who we are, with the secrets in it, which must turn up nowhere else.
struct Credentials {
  /// The header's line; nil where there is none.
  let line: String?
  private let secrets: [String]

  /// Everything but OAuth2 comes from files, read anew for each attempt.
  init(
    _ authentication: DestinationConfig.Authentication, _ files: SecretFiles
  ) throws(SecretFiles.TokenProblem) {
    switch authentication {
    case .none, .oauth2: self.init(line: nil, secrets: [])
    case .bearer(let file): self.init(bearer: try files.token(file))
    case .basic(let user, let file): self.init(user: user, password: try files.password(file))
    case .header(let name, let file):
      let value = try files.value(file)
      self.init(line: "\(name): \(value)", secrets: [value])
    }
  }

  private init(line: String?, secrets: [String]) {
    self.line = line
    self.secrets = secrets
  }

  init(bearer token: String) {
    self.init(line: "Authorization: Bearer \(token)", secrets: [token])
  }

  /// RFC 7617, section 2, in UTF-8. `secret`: what the password was made of, where that is something else.
  init(user: String, password: String, madeOf secret: String? = nil) {
    let pair = base64(Array("\(user):\(password)".utf8))
    self.init(
      line: "Authorization: Basic \(pair)", secrets: [pair, password] + [secret].compactMap { $0 })
  }

  /// The outcome as it may be shown: a refusal that repeats a secret is quoted without it. An acceptance stays as it
  /// is, for it is compared, not quoted.
  func censored(_ outcome: DeliveryOutcome) -> DeliveryOutcome {
    guard case .answer(var answer) = outcome, !(200...299).contains(answer.status) else { return outcome }
    answer.body = answer.body.masked(secrets)
    return .answer(answer)
  }
}

extension [UInt8] {
  /// So much of a secret's beginning gives it away.
  private static let telling = 8

  /// With `***` in place of each secret: in any case of letters, and where a peer cut it short.
  func masked(_ secrets: [String]) -> [UInt8] {
    let secrets = secrets.map { $0.utf8.map(lowered) }
    let text = map(lowered)
    var result: [UInt8] = []
    var index = 0
    while index < count {
      let longest = secrets.reduce(0) { longest, secret in
        let shared = zip(text[index...], secret).prefix { $0 == $1 }.count
        return shared > 0 && shared >= Swift.min(secret.count, Self.telling)
          ? Swift.max(longest, shared) : longest
      }
      result += longest > 0 ? Array("***".utf8) : [self[index]]
      index += Swift.max(longest, 1)
    }
    return result
  }
}

private func lowered(_ byte: UInt8) -> UInt8 { 0x41...0x5A ~= byte ? byte | 0x20 : byte }

/// RFC 4648, section 4, with padding.
package func base64(_ bytes: [UInt8]) -> String {
  let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var text: [UInt8] = []
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let group = bytes[start..<min(start + 3, bytes.count)]
    let word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << (8 * UInt32(3 - group.count))
    for place in 0..<4 {
      let index = Int(word >> (18 - 6 * UInt32(place)) & 63)
      text.append(place <= group.count ? letters[index] : UInt8(ascii: "="))
    }
  }
  return String(decoding: text, as: UTF8.self)
}
