internal import CMicrohttpd
internal import GatewayCore
internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// A small HTTP/1.1 server over libmicrohttpd, made to misbehave: answers late, never, slowly, in part, or not at
/// all, and a port that goes down and comes back. One thread serves, another wakes what waits. Thread-safe.
/// This file and its TLS are the only ones that import CMicrohttpd.
final class HTTPServer: Sendable {
  /// Longer bodies are refused with 413.
  static let bodyLimit = 64 << 20

  private struct Life: ~Copyable, @unchecked Sendable {
    // Sendable: libmicrohttpd's daemon may be stopped from any thread but its own.
    var port: ListeningPort
    var tls: ServerTLS?
    var daemon: OpaquePointer?
    var alarm: WorkerThread?
  }

  let address: ListenAddress
  private let service: any HTTPService
  private let life: Mutex<Life>
  private let parking = Mutex(Parking())
  private let wake: EventSignal

  /// Listens until `stop`, which must be called.
  init(_ address: ListenAddress, tls: ServerTLS? = nil, service: any HTTPService) throws(SystemError) {
    let port = try ListeningPort(address)
    self.address = port.address
    self.service = service
    life = Mutex(Life(port: port, tls: tls))
    wake = try EventSignal()
    try up()
    try life.withLock { life throws(SystemError) in
      life.alarm = try WorkerThread(name: "sim-http-alarm") { [self] in keepAppointments() }
    }
  }

  // MARK: - Up and down

  /// Listens (again). Not from the service's thread.
  func up() throws(SystemError) {
    try life.withLock { life throws(SystemError) in
      guard life.daemon == nil else { return }
      parking.withLock { $0.isClosing = false }
      try life.port.listen()
      life.daemon = try start(on: try life.port.duplicate(), life.tls)
    }
  }

  /// Counts from the next `up` on. Not from the service's thread.
  func set(_ tls: ServerTLS?) { life.withLock { $0.tls = tls } }

  /// Closes every connection and refuses new ones. Not from the service's thread.
  func down() throws(SystemError) {
    try life.withLock { life throws(SystemError) in
      guard let daemon = life.daemon.take() else { return }
      let waiting = parking.withLock { parking in
        parking.isClosing = true
        return parking.takeAll()
      }
      resume(waiting)
      MHD_stop_daemon(daemon)
      try life.port.refuse()
    }
  }

  /// Goes down in a moment (so that the answer to whoever asks for it gets out), and comes back later.
  func scheduleDown(for duration: Duration) {
    let now = SystemClock.boot
    parking.withLock { parking in
      parking.downAt = now.advanced(by: .milliseconds(100))
      parking.upAt = now.advanced(by: .milliseconds(100) + duration)
    }
    wake.raise()
  }

  /// Closes the connections whose requests hang.
  func letGo() { resume(parking.withLock { $0.takeHanging() }) }

  func stop() {
    parking.withLock { $0.isOver = true }
    wake.raise()
    life.withLock { $0.alarm.take() }?.join()
    // Without the port there is nothing left to refuse.
    try? down()
    life.withLock { $0.port.close() }
  }

  private func keepAppointments() {
    while true {
      let now = SystemClock.boot
      let (isOver, due, isDown, isUp) = parking.withLock { parking in
        let isDown = parking.downAt.map { $0 <= now } ?? false
        if isDown { parking.downAt = nil }
        let isUp = parking.upAt.map { $0 <= now } ?? false
        if isUp { parking.upAt = nil }
        return (parking.isOver, parking.takeDue(now: now), isDown, isUp)
      }
      if isOver { return resume(due) }
      resume(due)
      do {
        if isDown { try down() }
        if isUp { try up() }
      } catch {
        printError("platform: \(error)\n")
      }
      let next = parking.withLock { $0.nextDue }
      wake.wait(timeout: next.map { max(SystemClock.boot.duration(to: $0), .zero) })
    }
  }

  private func resume(_ connections: [UInt]) {
    for connection in connections { MHD_resume_connection(OpaquePointer(bitPattern: connection)) }
  }

  // MARK: - libmicrohttpd

  private func start(on socket: Int32, _ tls: ServerTLS?) throws(SystemError) -> OpaquePointer {
    var flags =
      MHD_USE_EPOLL.rawValue | MHD_USE_INTERNAL_POLLING_THREAD.rawValue | MHD_ALLOW_SUSPEND_RESUME.rawValue
    if tls != nil { flags |= MHD_USE_TLS.rawValue }
    let completed: MHD_RequestCompletedCallback = { _, _, state, _ in
      guard let state, let request = state.pointee else { return }
      Unmanaged<HTTPRequest>.fromOpaque(request).release()
      state.pointee = nil
    }
    let connected: MHD_NotifyConnectionCallback = { _, connection, _, event in
      if event == .CONNECTION_NOTIFY_STARTED, let connection { ServerTLS.demandCertificate(on: connection) }
    }
    // The buffer of a connection bounds what one read takes in.
    var options = [
      MHD_OptionItem(option: .LISTEN_SOCKET, value: Int(socket), ptr_value: nil),
      MHD_OptionItem(option: .CONNECTION_MEMORY_LIMIT, value: 256 << 10, ptr_value: nil),
      MHD_OptionItem(
        option: .NOTIFY_COMPLETED, value: unsafeBitCast(completed, to: Int.self), ptr_value: nil),
    ]
    if tls?.isStrict == true {
      let callback = unsafeBitCast(connected, to: Int.self)
      options.append(MHD_OptionItem(option: .NOTIFY_CONNECTION, value: callback, ptr_value: nil))
    }
    let daemon = withOptions(of: tls) { more in
      var all = options + more + [MHD_OptionItem(option: .END, value: 0, ptr_value: nil)]
      return gateway_mhd_start(
        flags,
        { context, connection, path, method, _, data, size, state in
          let server = Unmanaged<HTTPServer>.fromOpaque(context!).takeUnretainedValue()
          return server.take(connection!, path!, method!, data, size!, state!)
        }, Unmanaged.passUnretained(self).toOpaque(), &all)
    }
    let code = errno
    guard let daemon else {
      close(socket)
      throw SystemError("cannot start the HTTP server on \"\(address)\"", code: code)
    }
    return daemon
  }

  private func withOptions<Result>(of tls: ServerTLS?, _ body: ([MHD_OptionItem]) -> Result) -> Result {
    if let tls { tls.withOptions(body) } else { body([]) }
  }

  /// Called when the head is there, for each part of the body, at its end, and when a parked connection goes on.
  private func take(
    _ connection: OpaquePointer, _ path: UnsafePointer<CChar>, _ method: UnsafePointer<CChar>,
    _ data: UnsafePointer<CChar>?, _ size: UnsafeMutablePointer<Int>,
    _ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  ) -> MHD_Result {
    guard let known = state.pointee else {
      let request = HTTPRequest(
        connection, method: String(cString: method), path: String(cString: path))
      state.pointee = Unmanaged.passRetained(request).toOpaque()
      return .YES
    }
    let request = Unmanaged<HTTPRequest>.fromOpaque(known).takeUnretainedValue()
    if size.pointee > 0 {
      request.append(UnsafeRawBufferPointer(start: data, count: size.pointee))
      size.pointee = 0
      return .YES
    }
    if request.isParked { return finish(request) }
    request.outcome =
      request.isTooLong
      ? .answer(HTTPAnswer(status: 413, error: "a body of more than \(Self.bodyLimit) bytes"))
      : service.respond(to: request)
    return finish(request)
  }

  private func finish(_ request: HTTPRequest) -> MHD_Result {
    switch request.outcome {
    case .close: return .NO
    case .hang:
      if request.isParked { return .NO }
      return park(request, until: nil)
    case .answer(let answer, let delay):
      if delay > .zero, !request.isParked {
        return park(request, until: SystemClock.boot.advanced(by: delay))
      }
      return queue(answer, for: request)
    }
  }

  private func park(_ request: HTTPRequest, until due: BootTime?) -> MHD_Result {
    request.isParked = true
    return suspend(request.connection, until: due) ? .YES : .NO
  }

  /// The lock is held over both, so that nobody resumes a connection that is not suspended yet.
  fileprivate func suspend(_ connection: OpaquePointer, until due: BootTime?) -> Bool {
    let place = UInt(bitPattern: connection)
    let isParked = parking.withLock { parking in
      guard parking.park(place, until: due) else { return false }
      MHD_suspend_connection(OpaquePointer(bitPattern: place))
      return true
    }
    if isParked, due != nil { wake.raise() }
    return isParked
  }

  private func queue(_ answer: HTTPAnswer, for request: HTTPRequest) -> MHD_Result {
    guard let response = response(answer.body, for: request) else { return .NO }
    defer { MHD_destroy_response(response) }
    MHD_add_response_header(response, "Content-Type", answer.contentType)
    if let retryAfter = answer.retryAfter { MHD_add_response_header(response, "Retry-After", retryAfter) }
    return MHD_queue_response(request.connection, UInt32(answer.status), response)
  }

  private func response(_ body: HTTPAnswer.Body, for request: HTTPRequest) -> OpaquePointer? {
    if case .bytes(var bytes) = body {
      return bytes.withUnsafeMutableBytes {
        MHD_create_response_from_buffer($0.count, $0.baseAddress, .RESPMEM_MUST_COPY)
      }
    }
    let stream = HTTPBodyStream(body, server: self, connection: request.connection)
    return MHD_create_response_from_callback(
      stream.length, 32 << 10,
      { context, position, room, size in
        let stream = Unmanaged<HTTPBodyStream>.fromOpaque(context!).takeUnretainedValue()
        return stream.fill(UnsafeMutableRawBufferPointer(start: room, count: size), at: position)
      }, Unmanaged.passRetained(stream).toOpaque(),
      { context in Unmanaged<HTTPBodyStream>.fromOpaque(context!).release() })
  }
}

/// One request, read in full. Used on the server's thread, during `respond` only.
final class HTTPRequest {
  let method: String
  let path: String
  fileprivate(set) var body = ByteBuffer(capacity: 64)
  fileprivate let connection: OpaquePointer
  fileprivate var isTooLong = false
  fileprivate var isParked = false
  fileprivate var outcome: HTTPOutcome = .close

  fileprivate init(_ connection: OpaquePointer, method: String, path: String) {
    self.connection = connection
    self.method = method
    self.path = path
    let length = header("Content-Length").flatMap { Int($0) } ?? 0
    body.reserve(min(max(length, 0), 1 << 20))
  }

  func header(_ name: String) -> String? { value(.HEADER_KIND, name) }

  /// The subject of the client's certificate; nil without one that counts.
  var client: String? { ServerTLS.client(of: connection) }

  func query(_ name: String) -> String? { value(.GET_ARGUMENT_KIND, name) }

  private func value(_ kind: MHD_ValueKind, _ name: String) -> String? {
    MHD_lookup_connection_value(connection, kind, name).map { String(cString: $0) }
  }

  fileprivate func append(_ bytes: UnsafeRawBufferPointer) {
    isTooLong = isTooLong || body.count + bytes.count > HTTPServer.bodyLimit
    if !isTooLong { body.append(bytes) }
  }
}

/// A body that comes in a way no honest server's would.
private final class HTTPBodyStream {
  private let body: HTTPAnswer.Body
  private let server: HTTPServer
  private let connection: OpaquePointer
  private var isDue = true

  init(_ body: HTTPAnswer.Body, server: HTTPServer, connection: OpaquePointer) {
    self.body = body
    self.server = server
    self.connection = connection
  }

  var length: UInt64 {
    switch body {
    case .bytes(let bytes), .slow(let bytes, _), .truncated(let bytes): UInt64(bytes.count)
    case .spaces(let count): count
    }
  }

  /// libmicrohttpd's content reader: bytes written, 0 when the connection is suspended, -2 to cut it.
  func fill(_ room: UnsafeMutableRawBufferPointer, at position: UInt64) -> Int {
    let start = Int(position)
    let cut = -2
    switch body {
    case .spaces(let count):
      let size = min(room.count, Int(count) - start)
      memset(room.baseAddress!, 0x20, size)
      return size
    case .truncated(let bytes):
      let half = bytes.count / 2
      guard start < half else { return cut }
      return copy(bytes[start..<half], into: room)
    case .bytes(let bytes): return copy(bytes[start...], into: room)
    case .slow(let bytes, let interval):
      if isDue {
        isDue = false
        return copy(bytes[start...start], into: room)
      }
      isDue = true
      return server.suspend(connection, until: SystemClock.boot.advanced(by: interval)) ? 0 : cut
    }
  }

  private func copy(_ bytes: ArraySlice<UInt8>, into room: UnsafeMutableRawBufferPointer) -> Int {
    let size = min(bytes.count, room.count)
    room.copyBytes(from: bytes.prefix(size))
    return size
  }
}
