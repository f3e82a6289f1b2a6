// One client of the control socket. Promises: a client that sends half a message, or does not read what it
// asked for, is given up after `patience`; it costs at most one message of input and one reply of output, since
// nothing further is read from it while a reply waits. What it waits for is cancelled when it goes. Owned by the
// control thread.
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
  /// What the last call is still to get; no further call is taken before.
  private var pending: (any PendingReplies)?
  private var lookTime: BootTime?
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

  deinit { pending?.cancel() }

  var descriptor: Int32 { socket.number }

  /// When to look next at what the last call is to get: not before the client has read what it has got.
  var nextLook: BootTime? { hasOutput ? nil : lookTime }

  private var isWaiting: Bool { pending != nil }

  private var hasOutput: Bool { sent < output.count }

  private var mayRead: Bool { !hasOutput && !isWaiting && !inputHasEnded }

  /// What to wait for; a client that hangs up is noticed in any case.
  var events: Int16 { Int16(hasOutput ? POLLOUT : mayRead ? POLLIN : 0) }

  /// A whole message waits to be answered, and can be.
  var isReady: Bool { !isFinished && !hasOutput && !isWaiting && frames.hasMessage }

  /// Takes one turn: reads or writes what poll(2) allows, then answers at most one call, so that a client with
  /// many calls does not keep the others waiting.
  func turn(_ happened: Int16, now: BootTime, service: ControlService) {
    // Nobody will read what waits; but calls that came before the hang-up are still done.
    let isGone = happened & Int16(POLLHUP) != 0 && (hasOutput || isWaiting)
    if isGone || happened & Int16(POLLERR | POLLNVAL) != 0 { return finish() }
    if happened & Int16(POLLIN | POLLHUP) != 0 && mayRead { receive() }
    if happened & Int16(POLLOUT) != 0 { flush(now) }
    if !isFinished && !hasOutput && !isWaiting { answerNext(now, service) }
    endIfDone()
  }

  /// Sends what has come of a call that waits. A client that still has output waiting is left out: it will get
  /// what is newest then when it has read the older.
  func look(now: BootTime) {
    guard let nextLook, nextLook <= now, let pending, !isFinished else { return }
    // On a grid, so that the processor is woken once for all that wait.
    let grid = max(pending.interval.microseconds, 1)
    lookTime = BootTime(microseconds: (now.microseconds / grid + 1) * grid)
    guard let message = pending.next(at: now) else { return }
    send(message, now)
    guard pending.isFinished else { return }
    self.pending = nil
    lookTime = nil
    endIfDone()
  }

  private func endIfDone() {
    if inputHasEnded && !hasOutput && !isWaiting && !frames.hasMessage { finish() }
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
      case .replies(let replies):
        pending = replies
        lookTime = now
        look(now: now)
      }
    }
  }

  private func send(_ bytes: [UInt8], _ now: BootTime) {
    precondition(!hasOutput, "BUG: a reply while another waits")
    output = bytes
    sent = 0
    deadline = bytes.isEmpty ? nil : now.advanced(by: pending?.patience ?? patience)
    flush(now)
  }

  private func flush(_ now: BootTime) {
    while hasOutput {
      let result = output.withUnsafeBytes { socket.send(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
      switch result {
      case .success(let count):
        sent += count
        deadline = now.advanced(by: pending?.patience ?? patience)
      case .failure(let error) where error.code == EAGAIN: return
      case .failure: return finish()
      }
    }
    output = []
    sent = 0
    deadline = nil
  }
}
