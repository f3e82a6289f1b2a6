package import GatewayCore

/// An OAuth2 token by client credentials (RFC 6749, section 4.4), in memory only: the request for one, and how long
/// it serves. Knows no socket and no clock.
package struct AccessToken {
  private let client: DestinationConfig.OAuth2
  private(set) var text: String?
  private var end: BootTime?
  private var renewal: BootTime?

  package init(_ client: DestinationConfig.OAuth2) { self.client = client }

  var url: String { client.tokenURL }

  /// Section 2.3.1: both are form-encoded before they become user and password.
  func credentials(_ files: SecretFiles) throws(SecretFiles.TokenProblem) -> Credentials {
    let secret = try files.password(client.secretFile)
    return Credentials(user: formEncoded(client.clientID), password: formEncoded(secret), madeOf: secret)
  }

  /// Sections 4.4.2 and 3.3.
  package var requestBody: [UInt8] {
    var fields = ["grant_type=client_credentials"]
    if let scope = client.scope { fields.append("scope=\(formEncoded(scope))") }
    if let audience = client.audience { fields.append("audience=\(formEncoded(audience))") }
    return Array(fields.joined(separator: "&").utf8)
  }

  /// Whether a new one is to be fetched: there is none, or it soon ends.
  package func isDue(at now: BootTime) -> Bool { text == nil || renewal.map { $0 <= now } ?? false }

  /// Whether the token still serves, due or not.
  package func serves(at now: BootTime) -> Bool { text != nil && end.map { now < $0 } ?? true }

  /// The platform refused it.
  package mutating func drop() { text = nil }

  /// Takes the token's server's answer to a request of `time`. Returns what is wrong with it, without quoting what
  /// may be a token; nil when the token is there. Section 5.1; without `expires_in` a token serves until it is refused.
  package mutating func take(_ body: [UInt8], asked time: BootTime) -> String? {
    guard let answer = try? JSONValue(parsing: body) else { return "the answer is not JSON" }
    guard let token = answer["access_token"]?.string, !token.isEmpty,
      token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { return "the answer has no usable access_token" }
    guard answer["token_type"]?.string?.lowercased() ?? "bearer" == "bearer" else {
      return "the token is of another type than Bearer"
    }
    text = token
    // Some servers write the number as a text.
    let seconds = answer["expires_in"]?.double ?? answer["expires_in"]?.string.flatMap(Double.init)
    let life = seconds.flatMap { 0...1e9 ~= $0 ? $0 : nil }
    end = life.map { time.advanced(by: .microseconds(Int64($0 * 1e6))) }
    renewal = life.map { time.advanced(by: .microseconds(Int64(($0 - min(60, $0 / 10)) * 1e6))) }
    return nil
  }

  /// Section 5.2: what the server gives as its reason.
  package static func refusal(_ answer: DeliveryAnswer) -> String {
    let said = try? JSONValue(parsing: answer.body)
    let words = [said?["error"]?.string, said?["error_description"]?.string].compactMap { $0 }
    let text = (["status \(answer.status)"] + words).joined(separator: ": ")
    return String(
      text.unicodeScalars.filter { $0.properties.generalCategory != .control }.prefix(200).map(Character.init)
    )
  }
}

/// `application/x-www-form-urlencoded`.
private func formEncoded(_ text: String) -> String {
  var result = ""
  for byte in text.utf8 {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
      result.unicodeScalars.append(Unicode.Scalar(byte))
    case 0x20: result += "+"
    default:
      let hex = String(byte, radix: 16, uppercase: true)
      result += byte < 16 ? "%0\(hex)" : "%\(hex)"
    }
  }
  return result
}
