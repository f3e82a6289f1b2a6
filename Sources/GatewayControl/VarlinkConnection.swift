// One client of the control socket. Promises: a client that sends half a message, or does not read what it
// asked for, is given up after `patience`; it costs at most one message of input and one reply of output, since
// nothing further is read from it while a reply waits. Owned by the control thread.
internal import GatewayCore
internal import GatewaySystem
internal import Glibc

final class VarlinkConnection {
  private let socket: FileDescriptor
  private let mayChange: Bool
  private let patience: Duration
  private var frames: VarlinkFrames
  private var output: [UInt8] = []
  private var sent = 0
  private var watched: WatchedPoints?
  private var inputHasEnded = false
  /// When the client will be given up unless it gets on with its message or with reading.
  private(set) var deadline: BootTime?
  private(set) var isFinished = false

  init(_ socket: consuming FileDescriptor, mayChange: Bool, limits: VarlinkServer.Limits) {
    self.socket = socket
    self.mayChange = mayChange
    patience = limits.patience
    frames = VarlinkFrames(limit: limits.messageBytes)
  }

  var descriptor: Int32 { socket.number }

  var isWatching: Bool { watched != nil }

  private var hasOutput: Bool { sent < output.count }

  private var mayRead: Bool { !hasOutput && !isWatching && !inputHasEnded }

  /// What to wait for; a client that hangs up is noticed in any case.
  var events: Int16 { Int16(hasOutput ? POLLOUT : mayRead ? POLLIN : 0) }

  /// A whole message waits to be answered, and can be.
  var isReady: Bool { !isFinished && !hasOutput && !isWatching && frames.hasMessage }

  /// Takes one turn: reads or writes what poll(2) allows, then answers at most one call, so that a client with
  /// many calls does not keep the others waiting.
  func turn(_ happened: Int16, now: BootTime, service: ControlService) {
    // Nobody will read what waits; but calls that came before the hang-up are still done.
    let isGone = happened & Int16(POLLHUP) != 0 && (hasOutput || isWatching)
    if isGone || happened & Int16(POLLERR | POLLNVAL) != 0 { return finish() }
    if happened & Int16(POLLIN | POLLHUP) != 0 && mayRead { receive() }
    if happened & Int16(POLLOUT) != 0 { flush(now) }
    if !isFinished && !hasOutput && !isWatching { answerNext(now, service) }
    if inputHasEnded && !hasOutput && !isWatching && !frames.hasMessage { finish() }
  }

  /// Sends a subscriber what it has not seen. One that still has output waiting is left out: it will get the
  /// newest readings when it has read the older ones.
  func update(now: BootTime, service: ControlService) {
    guard !isFinished, !hasOutput, watched != nil else { return }
    if let news = service.news(for: &watched!) { send(news, now) }
  }

  func giveUpIfLate(now: BootTime) {
    if let deadline, deadline <= now { finish() }
  }

  private func finish() { isFinished = true }

  private func receive() {
    // A page at a time: calls are short, and eight clients share the thread.
    var chunk = [UInt8](repeating: 0, count: 4096)
    let result = chunk.withUnsafeMutableBytes { socket.read(into: $0) }
    switch result {
    case .success(0): inputHasEnded = true
    case .success(let count):
      chunk.withUnsafeBytes { frames.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    case .failure(let error) where error.code == EAGAIN: break
    case .failure: finish()
    }
  }

  private func answerNext(_ now: BootTime, _ service: ControlService) {
    switch frames.next() {
    case .tooLong: finish()
    case .incomplete:
      // Counted from the message's first byte: a byte now and then does not prolong it.
      deadline = frames.isEmpty ? nil : deadline ?? now.advanced(by: patience)
    case .message(let message):
      deadline = nil
      guard let call = VarlinkCall(parsing: message) else { return finish() }
      switch service.answer(call, mayChange: mayChange) {
      case .reply(let bytes): send(bytes, now)
      case .watch(let points):
        watched = points
        update(now: now, service: service)
      }
    }
  }

  private func send(_ bytes: [UInt8], _ now: BootTime) {
    precondition(!hasOutput, "BUG: a reply while another waits")
    output = bytes
    sent = 0
    deadline = bytes.isEmpty ? nil : now.advanced(by: patience)
    flush(now)
  }

  private func flush(_ now: BootTime) {
    while hasOutput {
      let result = output.withUnsafeBytes { socket.send(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
      switch result {
      case .success(let count):
        sent += count
        deadline = now.advanced(by: patience)
      case .failure(let error) where error.code == EAGAIN: return
      case .failure: return finish()
      }
    }
    output = []
    sent = 0
    deadline = nil
  }
}
