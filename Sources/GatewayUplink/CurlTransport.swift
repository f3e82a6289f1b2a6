private import CCurl
package import GatewayCore
package import GatewaySystem
private import Glibc

/// HTTP through libcurl; the only file that imports it. One easy handle is reused, so the connection stays open
/// from batch to batch. What the peer may cost us is bounded: the answer in size, the exchange in time; redirects
/// are not followed, so credentials go to the configured URL and nowhere else. Proxies come from the environment,
/// as curl has it.
package final class CurlTransport: Transport {
  /// Of the answer's body, and of its headers: nothing that acknowledges a batch as a whole is longer.
  package static let answerLimit = 64 << 10

  private let destination: DestinationConfig
  private let files: SecretFiles
  private let wake: EventSignal
  private let multi: UnsafeMutableRawPointer
  private let easy: UnsafeMutableRawPointer
  private let errorText: UnsafeMutablePointer<CChar>
  private let room: AnswerRoom
  private let body = BodyReader()
  private var headers: UnsafeMutablePointer<curl_slist>?
  private var isInFlight = false
  /// An outcome that is known before anything was sent.
  private var early: DeliveryOutcome?

  // Thread-safe as a static; never undone, as other threads may use the library until the process ends.
  private static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// `wake` ends a `turn` from another thread.
  package init(_ destination: DestinationConfig, files: SecretFiles, wake: EventSignal) {
    self.destination = destination
    self.files = files
    self.wake = wake
    room = AnswerRoom(limit: destination.answerLimit)
    guard Self.isLibraryReady, let multi = curl_multi_init(), let easy = curl_easy_init() else {
      fatalError("cannot start libcurl: out of memory")
    }
    self.multi = multi
    self.easy = easy
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    // One connection is all that one batch in flight needs.
    gateway_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 1)
    setProtocol()
    setLimits()
    setTLS()
    setCallbacks()
  }

  deinit {
    cancel()
    curl_easy_cleanup(easy)
    curl_multi_cleanup(multi)
    errorText.deallocate()
  }

  // MARK: - What holds for every batch

  private func setProtocol() {
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_USERAGENT, "gatewayd/\(GatewayVersion.text)")
    set(CURLOPT_FOLLOWLOCATION, 0)
    // One batch is in flight at a time: HTTP/2 would cost memory and bring nothing.
    set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    // Signals belong to the daemon's main thread.
    set(CURLOPT_NOSIGNAL, 1)
    // Without it, giving up while a name is being resolved waits for the resolver, longer than the watchdog does.
    set(CURLOPT_QUICK_EXIT, 1)
    // Defaults: 16 KiB (receiving) and 64 KiB (sending); answers are short, and 32 KiB fill a socket's buffer.
    set(CURLOPT_BUFFERSIZE, 4 << 10)
    set(CURLOPT_UPLOAD_BUFFERSIZE, 32 << 10)
  }

  private func setLimits() {
    let timeout = Int(destination.timeout.millisecondsRoundedUp)
    set(CURLOPT_TIMEOUT_MS, timeout)
    set(CURLOPT_CONNECTTIMEOUT_MS, min(timeout, 10_000))
    // A minute without progress ends an exchange that was given longer than that.
    set(CURLOPT_LOW_SPEED_LIMIT, 10)
    set(CURLOPT_LOW_SPEED_TIME, 60)
    // Finds out about a peer that vanished while the connection was idle; NAT forgets after minutes.
    set(CURLOPT_TCP_KEEPALIVE, 1)
    set(CURLOPT_TCP_KEEPIDLE, 60)
    set(CURLOPT_TCP_KEEPINTVL, 15)
  }

  private func setTLS() {
    set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    set(CURLOPT_SSL_VERIFYPEER, 1)
    set(CURLOPT_SSL_VERIFYHOST, 2)
    // A bundle that was replaced on the disk counts from the next connection on.
    set(CURLOPT_CA_CACHE_TIMEOUT, 0)
    if let file = destination.tls.authorities { set(CURLOPT_CAINFO, files.path(of: file)) }
    if let file = destination.tls.certificate { set(CURLOPT_SSLCERT, files.path(of: file)) }
    if let file = destination.tls.key { set(CURLOPT_SSLKEY, files.path(of: file)) }
  }

  private func setCallbacks() {
    let context = Unmanaged.passUnretained(room).toOpaque()
    gateway_curl_set_callback(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      AnswerRoom.at(context).take(body: UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    gateway_curl_set_pointer(easy, CURLOPT_WRITEDATA, context)
    gateway_curl_set_callback(easy, CURLOPT_HEADERFUNCTION) { _, size, count, context in
      AnswerRoom.at(context).take(headerBytes: size * count)
    }
    gateway_curl_set_pointer(easy, CURLOPT_HEADERDATA, context)
    gateway_curl_set_callback(easy, CURLOPT_READFUNCTION) { room, size, count, context in
      BodyReader.at(context).give(UnsafeMutableRawBufferPointer(start: room, count: size * count))
    }
    gateway_curl_set_pointer(easy, CURLOPT_READDATA, Unmanaged.passUnretained(body).toOpaque())
    gateway_curl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
    gateway_curl_set_socket_callback(easy) { _, socket, _ in
      // Sent bytes that nobody acknowledges: the kernel's own patience is a quarter of an hour (tcp(7)).
      var milliseconds: UInt32 = 20_000
      setsockopt(
        socket, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &milliseconds, socklen_t(MemoryLayout<UInt32>.size))
      return CURL_SOCKOPT_OK
    }
  }

  private func set(_ option: CURLoption, _ value: Int) {
    check(gateway_curl_set_long(easy, option, value), option)
  }

  private func set(_ option: CURLoption, _ value: String) {
    check(gateway_curl_set_string(easy, option, value), option)
  }

  /// An option that silently did not hold could be the one that keeps credentials from leaving.
  private func check(_ code: CURLcode, _ option: CURLoption) {
    precondition(code == CURLE_OK, "BUG: libcurl refuses option \(option.rawValue) (\(code.rawValue))")
  }

  // MARK: - One batch

  package func begin(_ body: UnsafeRawBufferPointer, head: RequestHead) {
    precondition(!isInFlight && early == nil, "BUG: a second batch while one is in flight")
    room.removeAll()
    errorText[0] = 0
    do {
      try setHeaders(head)
    } catch {
      early = .failure(.misconfigured, cause: "\(error)")
      return
    }
    set(CURLOPT_URL, destination.url + head.path)
    setBody(body, head)
    let code = curl_multi_add_handle(multi, easy)
    precondition(
      code == CURLM_OK, "BUG: curl_multi_add_handle: \(String(cString: curl_multi_strerror(code)))")
    isInFlight = true
    early = perform()
  }

  /// curl itself repeats a request whose reused connection ended before the answer, unless it would have to rewind a
  /// body that only a callback gives (CURLE_SEND_FAIL_REWIND then).
  private func setBody(_ bytes: UnsafeRawBufferPointer, _ head: RequestHead) {
    if head.isQuestion { return set(CURLOPT_HTTPGET, 1) }
    set(CURLOPT_POST, 1)
    let fields = head.isRepeatable ? UnsafeMutableRawPointer(mutating: bytes.baseAddress) : nil
    gateway_curl_set_pointer(easy, CURLOPT_POSTFIELDS, fields)
    gateway_curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count))
    body.rest = bytes
  }

  private func setHeaders(_ head: RequestHead) throws(SecretFiles.TokenProblem) {
    // Without "Expect:" a platform that does not know 100-continue costs a second for each larger batch.
    var lines =
      head.isQuestion ? ["Accept: application/json"] : ["Content-Type: \(head.contentType)", "Expect:"]
    lines += head.headers
    if destination.usesGzip && !head.isQuestion { lines.append("Content-Encoding: gzip") }
    if case .bearer(let file) = destination.authentication {
      lines.append("Authorization: Bearer \(try files.token(file))")
    }
    curl_slist_free_all(headers)
    headers = nil
    for line in lines { headers = curl_slist_append(headers, line) }
    gateway_curl_set_list(easy, CURLOPT_HTTPHEADER, headers)
  }

  package func turn(timeout: Duration) -> DeliveryOutcome? {
    if let outcome = early {
      early = nil
      return outcome
    }
    var extra = curl_waitfd(fd: wake.descriptor, events: Int16(CURL_WAIT_POLLIN), revents: 0)
    _ = curl_multi_poll(multi, &extra, 1, max(timeout.millisecondsRoundedUp, 0), nil)
    if extra.revents != 0 { wake.lower() }
    return isInFlight ? perform() : nil
  }

  package func cancel() {
    early = nil
    end()
    curl_slist_free_all(headers)
    headers = nil
  }

  private func end() {
    if isInFlight { curl_multi_remove_handle(multi, easy) }
    isInFlight = false
  }

  private func perform() -> DeliveryOutcome? {
    var running: Int32 = 0
    let code = curl_multi_perform(multi, &running)
    if code != CURLM_OK {
      end()
      return .failure(.busy, cause: String(cString: curl_multi_strerror(code)))
    }
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE else { continue }
      let result = message.pointee.data.result
      let outcome = outcome(result)
      end()
      return outcome
    }
    return nil
  }

  // MARK: - The outcome

  private func outcome(_ code: CURLcode) -> DeliveryOutcome {
    var status = 0
    gateway_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
    if code == CURLE_OK || (room.isOverfull && status > 0) {
      var retryAfter: curl_off_t = 0
      gateway_curl_get_offset(easy, CURLINFO_RETRY_AFTER, &retryAfter)
      var type: UnsafeMutablePointer<CChar>?
      gateway_curl_get_string(easy, CURLINFO_CONTENT_TYPE, &type)
      return .answer(
        DeliveryAnswer(
          status: status, contentType: type.map { String(cString: $0) }, retryAfter: Int64(retryAfter),
          body: room.body, isWhole: !room.isOverfull))
    }
    let detail = errorText[0] == 0 ? String(cString: curl_easy_strerror(code)) : String(cString: errorText)
    return .failure(trouble(code), cause: detail)
  }

  private func trouble(_ code: CURLcode) -> DeliveryTrouble {
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT: return .unreachable
    case CURLE_OPERATION_TIMEDOUT:
      var connected: curl_off_t = 0
      gateway_curl_get_offset(easy, CURLINFO_CONNECT_TIME_T, &connected)
      return connected == 0 ? .unreachable : .busy
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_PEER_FAILED_VERIFICATION,
      CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CIPHER, CURLE_LOGIN_DENIED:
      return .misconfigured
    default: return .busy
    }
  }
}

/// What came back so far. Written by curl's callbacks, on the transport's thread.
private final class AnswerRoom {
  private(set) var body: [UInt8] = []
  private var headerBytes = 0
  /// More came than is taken; the transfer was stopped there.
  private(set) var isOverfull = false
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  static func at(_ context: UnsafeMutableRawPointer?) -> AnswerRoom {
    Unmanaged<AnswerRoom>.fromOpaque(context!).takeUnretainedValue()
  }

  func removeAll() {
    body.removeAll(keepingCapacity: body.capacity <= 4096)
    headerBytes = 0
    isOverfull = false
  }

  /// How many bytes were taken: fewer than were offered stop the transfer.
  func take(body bytes: UnsafeRawBufferPointer) -> Int {
    let part = bytes.prefix(limit - body.count)
    body.append(contentsOf: part)
    if part.count < bytes.count { isOverfull = true }
    return part.count
  }

  func take(headerBytes count: Int) -> Int {
    headerBytes += count
    if headerBytes > CurlTransport.answerLimit { isOverfull = true }
    return isOverfull ? 0 : count
  }
}
