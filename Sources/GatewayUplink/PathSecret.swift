internal import GatewayCore

/// A secret that is a part of the URL, as ThingsBoard's access token. Servers like to repeat the path in a refusal.
struct PathSecret {
  private let secret: String

  init(_ secret: String) { self.secret = secret }

  func path(of head: RequestHead) -> String {
    head.path.replacing(RequestHead.secretPlace, with: percentEncoded(secret))
  }

  /// The outcome without the secret, as it may be shown and logged.
  func censored(_ outcome: DeliveryOutcome) -> DeliveryOutcome {
    switch outcome {
    case .needless, .found: return outcome
    case .failure(let trouble, let cause): return .failure(trouble, cause: censored(cause))
    case .answer(var answer):
      answer.body = answer.body.masked(shapes)
      return .answer(answer)
    }
  }

  private func censored(_ text: String) -> String {
    String(decoding: Array(text.utf8).masked(shapes), as: UTF8.self)
  }

  private var shapes: [String] { [secret, percentEncoded(secret)] }
}

extension DestinationConfig {
  /// A request's headers but those of credentials.
  package func openHeaders(of head: RequestHead) -> [String] {
    if head.isQuestion { return ["Accept: application/json"] + head.headers }
    return ["Content-Type: \(head.contentType)"] + head.headers + (usesGzip ? ["Content-Encoding: gzip"] : [])
  }

  /// The header of credentials, without the secret; nil where there is none.
  package var maskedCredentials: String? {
    switch authentication {
    case .none: nil
    case .bearer(let file): "Authorization: Bearer ***, from \(file)"
    case .basic(let user, let file): "Authorization: Basic ***, for \(user) and the password in \(file)"
    case .header(let name, let file): "\(name): ***, from \(file)"
    case .oauth2(let client): "Authorization: Bearer ***, from \(client.tokenURL)"
    }
  }
}
