// The other end of the control socket, for `gatewayctl`. Blocking; whatever the server sends is bounded and
// checked.
package import GatewayCore
internal import GatewaySystem
internal import Glibc

/// Why a call has no result.
package enum VarlinkFailure: Error, Equatable, CustomStringConvertible {
  /// Nobody answers: no socket, no daemon, the connection broke, or the time is over.
  case noAnswer(String)
  /// The daemon answered with an error.
  case error(name: String, parameters: JSONValue)

  package var description: String {
    switch self {
    case .noAnswer(let reason): reason
    case .error("org.varlink.service.PermissionDenied", _):
      "permission denied: only root, the daemon's user and the socket's group may do that"
    case .error("org.citygateway.TooManyClients", _):
      "the daemon serves as many clients as it can: close one"
    case .error("org.varlink.service.InvalidParameter", let parameters):
      "the daemon does not know what \"\(parameters["parameter"]?.string ?? "")\" names"
    case .error("org.citygateway.UnknownBus", let parameters):
      "no bus is called \(Self.wrong(parameters, "bus"))"
    case .error("org.citygateway.UnknownPoint", let parameters):
      "no point or device is called \(Self.wrong(parameters, "point"))"
    case .error("org.citygateway.UnknownChip", let parameters):
      "no chip is called \(Self.wrong(parameters, "chip"))"
    case .error("org.citygateway.UnknownDestination", let parameters):
      "no destination is called \(Self.wrong(parameters, "destination"))"
    case .error("org.citygateway.ExportOccupied", let parameters):
      "cannot read the rows: \(parameters["cause"]?.string ?? "")"
    case .error("org.citygateway.MarkFailed", let parameters): parameters["cause"]?.string ?? ""
    case .error("org.citygateway.ProvisionFailed", let parameters):
      "cannot provision: \(parameters["cause"]?.string ?? "")"
    case .error("org.citygateway.BusOccupied", let parameters):
      "too many questions wait for bus \(Self.quoted(parameters["bus"])): try again"
    case .error("org.citygateway.ChipFailed", let parameters):
      "cannot look at chip \(Self.quoted(parameters["chip"])): \(parameters["cause"]?.string ?? "")"
    case .error("org.citygateway.BusFailed", let parameters): parameters["cause"]?.string ?? ""
    case .error(let name, _): "the daemon answers \(name)"
    }
  }

  private static func quoted(_ text: JSONValue?) -> String { "\"\(text?.string ?? "")\"" }

  private static let mostNamed = 12

  /// The wrong name, and the right one as far as it can be guessed, else those there are.
  private static func wrong(_ parameters: JSONValue, _ key: String) -> String {
    let known = parameters["known"]?.array?.compactMap(\.string) ?? []
    let name = quoted(parameters[key])
    if let near = nearestWord(to: parameters[key]?.string ?? "", in: known) {
      return "\(name), did you mean \"\(near)\"?"
    }
    guard !known.isEmpty else { return "\(name), there is none" }
    let some = known.prefix(mostNamed).joined(separator: ", ")
    return "\(name); there are \(some)\(known.count > mostNamed ? ", …" : "")"
  }
}

/// One connection to a Varlink service; one thread uses it.
package struct VarlinkClient: ~Copyable {
  private let path: String
  private let socket: FileDescriptor
  private let timeout: Duration
  private var frames = VarlinkFrames(limit: 16 << 20)

  /// `timeout` holds for each reply.
  package init(path: String, timeout: Duration = .seconds(5)) throws(VarlinkFailure) {
    do throws(SystemError) {
      socket = try .connect(unixSocket: path)
    } catch {
      throw .noAnswer("\(error)")
    }
    self.path = path
    self.timeout = timeout
  }

  /// Sends `call` and takes its only reply.
  package mutating func call(_ call: VarlinkCall) throws(VarlinkFailure) -> VarlinkReply {
    try send(call)
    return try reply()
  }

  package mutating func send(_ call: VarlinkCall) throws(VarlinkFailure) {
    let bytes = call.bytes
    var sent = 0
    while sent < bytes.count {
      let result = bytes.withUnsafeBytes { socket.send(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
      switch result {
      case .success(let count): sent += count
      case .failure(let error) where error.code == EAGAIN: try wait(for: POLLOUT, timeout)
      // The server hung up; it may have said why.
      case .failure(let error) where error.code == EPIPE: return
      case .failure(let error): throw broken(error)
      }
    }
  }

  /// The next reply; an error reply is thrown.
  package mutating func reply() throws(VarlinkFailure) -> VarlinkReply { try reply(within: timeout) }

  /// The next reply of a subscription, however long it takes.
  package mutating func nextReply() throws(VarlinkFailure) -> VarlinkReply { try reply(within: nil) }

  private mutating func reply(within timeout: Duration?) throws(VarlinkFailure) -> VarlinkReply {
    while true {
      switch frames.next() {
      case .message(let message):
        guard let reply = VarlinkReply(parsing: message) else { throw unreadable }
        if let name = reply.error { throw .error(name: name, parameters: reply.parameters) }
        return reply
      case .tooLong: throw unreadable
      case .incomplete: try receive(within: timeout)
      }
    }
  }

  private mutating func receive(within timeout: Duration?) throws(VarlinkFailure) {
    try wait(for: POLLIN, timeout)
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    let result = chunk.withUnsafeMutableBytes { socket.read(into: $0) }
    switch result {
    case .success(0): throw .noAnswer("cannot read from \"\(path)\": the daemon closed the connection")
    case .success(let count):
      chunk.withUnsafeBytes { frames.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    case .failure(let error) where error.code == EAGAIN: break
    case .failure(let error): throw broken(error)
    }
  }

  private func wait(for event: Int32, _ timeout: Duration?) throws(VarlinkFailure) {
    var entry = pollfd(fd: socket.number, events: Int16(event), revents: 0)
    let result = retrying { poll(&entry, 1, timeout?.millisecondsRoundedUp ?? -1) }
    if case .success(0) = result {
      throw .noAnswer("cannot read from \"\(path)\": no answer within \(timeout?.seconds ?? 0) s")
    }
  }

  private func broken(_ error: Errno) -> VarlinkFailure {
    .noAnswer("cannot talk to \"\(path)\": \(SystemError.text(error.code))")
  }

  private var unreadable: VarlinkFailure {
    .noAnswer("cannot read from \"\(path)\": the answer is not Varlink")
  }
}
