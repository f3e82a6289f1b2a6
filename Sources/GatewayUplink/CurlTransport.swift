package import GatewayCore
package import GatewaySystem

/// Batches over HTTP: shows the platform who we are, with a fresh token where one is needed, and begins a new
/// connection when one of the TLS files has changed.
package final class CurlTransport: Transport {
  private let destination: DestinationConfig
  private let files: SecretFiles
  private let wake: EventSignal
  private let lastKnownTime: Timestamp?
  private var tls: TLSFiles
  private var platform: CurlExchange
  /// libcurl 7.88 loses answers in HTTP/2 that come before it has sent everything: when the platform was reached and
  /// there is no answer, the next attempt speaks the other version, and what works is kept.
  private var mayHTTP2 = true
  private var isConnectionStale = false
  /// nil unless the destination wants OAuth2.
  private var token: AccessToken?
  /// The fetch of a token under way, on a connection of its own.
  private var fetch: Fetch?
  private var batch: Batch?
  /// An outcome that is known before anybody asked for it.
  private var early: DeliveryOutcome?
  private var platformEnd: Timestamp?
  private var gatewayEnd: Timestamp?

  private struct Batch {
    var body: UnsafeRawBufferPointer
    var head: RequestHead
    var credentials: Credentials?
    /// In its URL; must turn up nowhere else.
    var pathSecret: PathSecret?
    /// A token was fetched for it, which is done once.
    var hasNewToken = false
  }

  private struct Fetch {
    let exchange: CurlExchange
    let credentials: Credentials
    let start: BootTime
    /// What is posted, kept in place.
    let body: UnsafeMutableRawBufferPointer
  }

  /// `wake` ends a `turn` from another thread. `lastKnownTime`: it is later than this for certain.
  package init(
    _ destination: DestinationConfig, files: SecretFiles, wake: EventSignal, lastKnownTime: Timestamp? = nil
  ) {
    self.lastKnownTime = lastKnownTime
    self.destination = destination
    self.files = files
    self.wake = wake
    tls = TLSFiles(destination.tls, files)
    platform = CurlExchange(destination, tls: tls, lastKnownTime: lastKnownTime, mayHTTP2: true)
    gatewayEnd = tls.certificateEnd
    if case .oauth2(let client) = destination.authentication { token = AccessToken(client) }
  }

  deinit { cancel() }

  package var certificateEnd: CertificateEnd? {
    let ends = [
      platformEnd.map { CertificateEnd(owner: .platform, time: $0) },
      gatewayEnd.map { CertificateEnd(owner: .gateway, time: $0) },
    ]
    return ends.compactMap { $0 }.min { $0.time < $1.time }
  }

  package func begin(_ body: UnsafeRawBufferPointer, head: RequestHead) {
    precondition(batch == nil && early == nil, "BUG: a second batch while one is in flight")
    renewConnection()
    batch = Batch(body: body, head: head)
    early = token?.isDue(at: SystemClock.boot) == true ? fetchToken() : post()
  }

  package func turn(timeout: Duration) -> DeliveryOutcome? {
    if let outcome = early {
      early = nil
      batch = nil
      return outcome
    }
    let end: DeliveryOutcome?
    if let fetch {
      end = fetch.exchange.turn(timeout: timeout, wake: wake).flatMap(tokenCame)
    } else {
      end = platform.turn(timeout: timeout, wake: wake).flatMap(answered)
    }
    if end != nil { batch = nil }
    return end
  }

  package func cancel() {
    early = nil
    batch = nil
    platform.cancel()
    endFetch()
  }

  /// The TLS files were looked at before the connection that uses them began, so no change is missed.
  private func renewConnection() {
    let now = TLSFiles(destination.tls, files)
    guard now != tls || isConnectionStale else { return }
    tls = now
    isConnectionStale = false
    platform = CurlExchange(destination, tls: tls, lastKnownTime: lastKnownTime, mayHTTP2: mayHTTP2)
    gatewayEnd = tls.certificateEnd
  }

  // MARK: - The batch

  private func post() -> DeliveryOutcome? {
    guard var batch else { return nil }
    do {
      let credentials =
        if let text = token?.text { Credentials(bearer: text) } else {
          try Credentials(destination.authentication, files)
        }
      batch.credentials = credentials
      batch.pathSecret = try batch.head.secretFile.map { name throws(SecretFiles.TokenProblem) in
        PathSecret(try files.token(name))
      }
      self.batch = batch
      let url = destination.url + (batch.pathSecret?.path(of: batch.head) ?? batch.head.path)
      return platform.begin(
        url, batch.body, headers: headers(batch.head, credentials), proxyHeaders: try proxyHeaders(),
        as: batch.head
      ).flatMap(answered)
    } catch {
      return .failure(.misconfigured, cause: "\(error)")
    }
  }

  private func headers(_ head: RequestHead, _ credentials: Credentials) -> [String] {
    // Without "Expect:" a platform that does not know 100-continue costs a second for each larger batch.
    var lines = destination.openHeaders(of: head)
    if !head.isQuestion { lines.append("Expect:") }
    if let line = credentials.line { lines.append(line) }
    return lines
  }

  private func proxyHeaders() throws(SecretFiles.TokenProblem) -> [String] {
    let credentials = try Credentials(destination.proxyAuthentication, files)
    return credentials.line.map { ["Proxy-\($0)"] } ?? []
  }

  private func answered(_ outcome: DeliveryOutcome) -> DeliveryOutcome? {
    platformEnd = platform.certificateEnd ?? platformEnd
    if case .failure(let trouble, _) = outcome, trouble != .unreachable,
      destination.url.hasPrefix("https:")
    {
      mayHTTP2.toggle()
      isConnectionStale = true
    }
    if case .answer(let answer) = outcome, answer.status == 401, token != nil, let batch {
      token?.drop()
      if !batch.hasNewToken { return fetchToken() }
    }
    let open = batch?.credentials?.censored(outcome) ?? outcome
    return batch?.pathSecret?.censored(open) ?? open
  }

  // MARK: - The token

  private func fetchToken() -> DeliveryOutcome? {
    guard let token else { return nil }
    batch?.hasNewToken = true
    do {
      let credentials = try token.credentials(files)
      let proxyHeaders = try proxyHeaders()
      let body = UnsafeMutableRawBufferPointer.allocate(byteCount: token.requestBody.count, alignment: 1)
      body.copyBytes(from: token.requestBody)
      let fetch = Fetch(
        exchange: CurlExchange(destination, tls: tls, lastKnownTime: lastKnownTime),
        credentials: credentials, start: SystemClock.boot, body: body)
      self.fetch = fetch
      var lines = ["Content-Type: application/x-www-form-urlencoded", "Accept: application/json", "Expect:"]
      if let line = credentials.line { lines.append(line) }
      let url = token.url
      return fetch.exchange.begin(
        url, UnsafeRawBufferPointer(body), headers: lines, proxyHeaders: proxyHeaders
      ).flatMap(tokenCame)
    } catch {
      return .failure(.misconfigured, cause: "\(error)")
    }
  }

  private func endFetch() {
    fetch?.exchange.cancel()
    fetch?.body.deallocate()
    fetch = nil
  }

  private func tokenCame(_ outcome: DeliveryOutcome) -> DeliveryOutcome? {
    guard let fetch else { return nil }
    let end = accept(fetch.credentials.censored(outcome), asked: fetch.start)
    endFetch()
    // One that is due may serve for a little longer.
    guard let end, token?.serves(at: SystemClock.boot) != true else { return post() }
    return end
  }

  /// Why there is no token; nil when there is one.
  private func accept(_ outcome: DeliveryOutcome, asked time: BootTime) -> DeliveryOutcome? {
    let action = "cannot get a token: "
    switch outcome {
    case .needless, .found: return nil
    case .failure(let trouble, let cause): return .failure(trouble, cause: action + cause)
    case .answer(let answer) where (200...299).contains(answer.status):
      guard let flaw = token?.take(answer.body, asked: time) else { return nil }
      return .failure(.misconfigured, cause: action + flaw)
    case .answer(var answer):
      let reason = action + AccessToken.refusal(answer)
      switch answer.status {
      case 408, 425, 429, 500...599:
        // Judged like the platform's own, for its Retry-After.
        answer.body = Array(reason.utf8)
        answer.contentType = "text/plain"
        return .answer(answer)
      default: return .failure(.misconfigured, cause: reason)
      }
    }
  }
}
