private import CCrypto
private import CCurl
internal import GatewayCore
internal import GatewaySystem
private import Glibc

/// One POST at a time through libcurl, with all that holds for each of a destination's: TLS, limits, the proxy; with
/// CurlTrouble the only file that imports it. The connection stays open from one to the next; with the object go its
/// connections, its TLS sessions, and what it read of the TLS files. What the peer may cost us is bounded: the answer in
/// size, the exchange in time; redirects are not followed, so credentials go to the given URL and nowhere else. Owned by
/// one thread.
final class CurlExchange {
  /// Of the answer's body, and of its headers: nothing that acknowledges a batch is longer.
  static let answerLimit = 64 << 10

  private let destination: DestinationConfig
  private let tls: TLSFiles
  private let lastKnownTime: Timestamp?
  private let mayHTTP2: Bool
  private let multi: UnsafeMutableRawPointer
  private let easy: UnsafeMutableRawPointer
  private let errorText: UnsafeMutablePointer<CChar>
  private let room: AnswerRoom
  private let body = BodyReader()
  private let judgedAt: UnsafeMutablePointer<Int64>
  private var headers: UnsafeMutablePointer<curl_slist>?
  private var proxyHeaders: UnsafeMutablePointer<curl_slist>?
  private var isInFlight = false
  /// When the certificate ends that the peer showed on the last new connection; nil while it showed none.
  private(set) var certificateEnd: Timestamp?

  // Thread-safe as a static; never undone, as other threads may use the library until the process ends.
  /// Whether libcurl was built with it.
  private static let knowsHTTP2 =
    curl_version_info(CURLVERSION_FIRST).pointee.features & CURL_VERSION_HTTP2 != 0

  private static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// `mayHTTP2`: it is spoken where the platform agrees to it within TLS (RFC 9113, section 3.2).
  /// `lastKnownTime`: it is later than this for certain.
  init(_ destination: DestinationConfig, tls: TLSFiles, lastKnownTime: Timestamp?, mayHTTP2: Bool = false) {
    self.lastKnownTime = lastKnownTime
    self.destination = destination
    self.tls = tls
    self.mayHTTP2 = mayHTTP2 && Self.knowsHTTP2
    room = AnswerRoom(limit: destination.answerLimit)
    guard Self.isLibraryReady, let multi = curl_multi_init(), let easy = curl_easy_init() else {
      fatalError("cannot start libcurl: out of memory")
    }
    self.multi = multi
    self.easy = easy
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    judgedAt = .allocate(capacity: 1)
    judgedAt.initialize(to: 0)
    // One connection is all that one request in flight needs.
    gateway_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 1)
    setProtocol()
    setProxy()
    setLimits()
    setTLS()
    setCallbacks()
  }

  deinit {
    cancel()
    curl_easy_cleanup(easy)
    curl_multi_cleanup(multi)
    errorText.deallocate()
    judgedAt.deallocate()
  }

  // MARK: - What holds for every request

  private func setProtocol() {
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_USERAGENT, "gatewayd/\(GatewayVersion.text)")
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_HTTP_VERSION, Int(mayHTTP2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1))
    // Signals belong to the daemon's main thread.
    set(CURLOPT_NOSIGNAL, 1)
    // The name service knows how long an address counts; curl would keep a wrong one for a minute.
    set(CURLOPT_DNS_CACHE_TIMEOUT, 0)
    // Without it, giving up while a name is being resolved waits for the resolver, longer than the watchdog does.
    set(CURLOPT_QUICK_EXIT, 1)
    // Defaults: 16 KiB (receiving) and 64 KiB (sending); answers are short, and 32 KiB fill a socket's buffer.
    set(CURLOPT_BUFFERSIZE, 4 << 10)
    set(CURLOPT_UPLOAD_BUFFERSIZE, 32 << 10)
  }

  /// The configuration's proxy or none; empty texts keep curl from asking the environment. Everything goes through
  /// CONNECT, plain HTTP too: the proxy gets to see no header of ours.
  private func setProxy() {
    set(CURLOPT_PROXY, destination.proxy ?? "")
    set(CURLOPT_NOPROXY, "")
    set(CURLOPT_HTTPPROXYTUNNEL, destination.proxy == nil ? 0 : 1)
    set(CURLOPT_HEADEROPT, Int(CURLHEADER_SEPARATE))
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
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
    set(CURLOPT_CERTINFO, 1)
    // A bundle that was replaced on the disk counts from the next connection on.
    set(CURLOPT_CA_CACHE_TIMEOUT, 0)
    if let path = tls.authorities { set(CURLOPT_CAINFO, path) }
    if let path = tls.certificate { set(CURLOPT_SSLCERT, path) }
    if let path = tls.key { set(CURLOPT_SSLKEY, path) }
    setJudgementTime()
  }

  /// Certificates are judged by the clock, and while that is wrong as of the last time that is known.
  private func setJudgementTime() {
    let code = gateway_curl_set_context_callback(easy) { _, context, seconds in
      if let time = seconds?.load(as: Int64.self), time > 0 { gateway_verify_as_of(context, time) }
      return CURLE_OK
    }
    // Another library than OpenSSL judges by the clock alone.
    guard code == CURLE_OK else { return }
    gateway_curl_set_pointer(easy, CURLOPT_SSL_CTX_DATA, judgedAt)
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

  /// libcurl reads the list until the next one is set.
  private func set(
    _ option: CURLoption, _ lines: [String], in list: inout UnsafeMutablePointer<curl_slist>?
  ) {
    curl_slist_free_all(list)
    list = lines.reduce(nil) { curl_slist_append($0, $1) }
    check(gateway_curl_set_list(easy, option, list), option)
  }

  /// An option that silently did not hold could be the one that keeps credentials from leaving.
  private func check(_ code: CURLcode, _ option: CURLoption) {
    precondition(code == CURLE_OK, "BUG: libcurl refuses option \(option.rawValue) (\(code.rawValue))")
  }

  // MARK: - One request

  /// Begins to post `body`, which must stay where it is until the outcome or `cancel`. The outcome is returned here
  /// where it is known at once.
  func begin(
    _ url: String, _ body: UnsafeRawBufferPointer, headers lines: [String], proxyHeaders proxyLines: [String],
    as head: RequestHead = RequestHead()
  ) -> DeliveryOutcome? {
    precondition(!isInFlight, "BUG: a second request while one is in flight")
    room.removeAll()
    errorText[0] = 0
    let isBehind = lastKnownTime.map(SystemClock.isBehind) ?? false
    judgedAt.pointee = isBehind ? (lastKnownTime?.microseconds ?? 0) / 1_000_000 : 0
    set(CURLOPT_URL, url)
    set(CURLOPT_HTTPHEADER, lines, in: &headers)
    set(CURLOPT_PROXYHEADER, proxyLines, in: &proxyHeaders)
    setBody(body, head)
    let code = curl_multi_add_handle(multi, easy)
    precondition(
      code == CURLM_OK, "BUG: curl_multi_add_handle: \(String(cString: curl_multi_strerror(code)))")
    isInFlight = true
    return perform()
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

  /// Waits until something happened, `wake` was raised, or `timeout` has passed. Returns the outcome once.
  func turn(timeout: Duration, wake: EventSignal) -> DeliveryOutcome? {
    var extra = curl_waitfd(fd: wake.descriptor, events: Int16(CURL_WAIT_POLLIN), revents: 0)
    _ = curl_multi_poll(multi, &extra, 1, max(timeout.millisecondsRoundedUp, 0), nil)
    if extra.revents != 0 { wake.lower() }
    return isInFlight ? perform() : nil
  }

  func cancel() {
    end()
    set(CURLOPT_HTTPHEADER, [], in: &headers)
    set(CURLOPT_PROXYHEADER, [], in: &proxyHeaders)
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
      if let text = gateway_curl_certificate_end(easy) {
        let seconds = curl_getdate(text, nil)
        if seconds > 0 { certificateEnd = Timestamp(microseconds: Int64(seconds) * 1_000_000) }
      }
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
    let detail = CurlSentence.detail(
      String(cString: errorText), else: String(cString: curl_easy_strerror(code)))
    var connectTime: curl_off_t = 0
    gateway_curl_get_offset(easy, CURLINFO_CONNECT_TIME_T, &connectTime)
    var proxyStatus = 0
    gateway_curl_get_long(easy, CURLINFO_HTTP_CONNECTCODE, &proxyStatus)
    let trouble = DeliveryTrouble(
      code, isConnected: connectTime > 0, proxyStatus: proxyStatus, detail: detail)
    return .failure(trouble, cause: CurlSentence.cause(detail))
  }
}
