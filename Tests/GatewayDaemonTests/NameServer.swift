import GatewaySimulator
import GatewaySystem
import Glibc
import Synchronization

/// A small name server on a loopback address of its own (RFC 1035, over UDP), that lies or is silent as asked, and the
/// launcher that makes it a daemon's only one.
final class NameServer: Sendable {
  enum Mood: Sendable {
    /// NXDOMAIN.
    case nobody
    case silent
    /// Of whatever name.
    case address([UInt8])
  }

  let host: String
  private let socket: FileDescriptor
  private let stopSignal: EventSignal
  private let mood = Mutex(Mood.nobody)
  private let thread = Mutex<WorkerThread?>(nil)

  /// nil where port 53 is not to be had.
  init?() throws {
    stopSignal = try EventSignal()
    var bytes: [UInt8] = [127, 53, .random(in: 1...254), .random(in: 1...254)]
    host = bytes.map(String.init).joined(separator: ".")
    socket = FileDescriptor(owning: Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(53).bigEndian
    memcpy(&address.sin_addr, &bytes, 4)
    let number = socket.number
    let result = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { return nil }
    var worker: WorkerThread? = try WorkerThread(name: "names") { [self] in serve() }
    thread.withLock { swap(&$0, &worker) }
  }

  func say(_ next: Mood) { mood.withLock { $0 = next } }

  func stop() {
    stopSignal.raise()
    if let worker = thread.withLock({ $0.take() }) { worker.join() }
  }

  private func serve() {
    while stopSignal.poll(timeout: nil, or: socket.number).descriptor {
      var question = [UInt8](repeating: 0, count: 512)
      var peer = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      withUnsafeMutablePointer(to: &peer) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { peer in
          let count = recvfrom(socket.number, &question, question.count, 0, peer, &length)
          guard count > 16, let answer = answer(to: Array(question[..<count])) else { return }
          _ = sendto(socket.number, answer, answer.count, 0, peer, length)
        }
      }
    }
  }

  /// Section 4.1: the head, the question again without what follows it, and at most one record.
  private func answer(to message: [UInt8]) -> [UInt8]? {
    var end = 12
    while end < message.count, message[end] != 0 { end += Int(message[end]) + 1 }
    guard end + 5 <= message.count else { return nil }
    let question = message[12..<end + 5]
    let isIPv4 = message[end + 2] == 1
    var code: UInt8 = 0
    var record: [UInt8] = []
    switch mood.withLock({ $0 }) {
    case .silent: return nil
    case .nobody: code = 3
    case .address(let address) where isIPv4: record = [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4] + address
    case .address: break
    }
    return message[..<2] + [0x81, 0x80 | code, 0, 1, 0, record.isEmpty ? 0 : 1, 0, 0, 0, 0] + question
      + record
  }

  // MARK: - The launcher

  /// Starts a program that asks this server and no other, in a mount namespace of its own; nil where that cannot be
  /// done here.
  func launcher(in directory: String) throws -> [String]? {
    let path = "\(directory)/resolv.conf"
    let file = try FileDescriptor.open(path, O_CREAT | O_WRONLY, mode: 0o644)
    _ = Array("nameserver \(host)\n".utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
    let script = "mount --bind \(path) /etc/resolv.conf && exec \"$@\""
    let launcher = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "sh"]
    guard access(launcher[0], X_OK) == 0 else { return nil }
    say(.address([127, 99, 99, 99]))
    defer { say(.nobody) }
    let words = launcher.dropFirst() + ["getent", "ahostsv4", "platform.test"]
    let trial = try ChildProcess(launcher[0], Array(words), mergesErrors: true)
    return trial.readAll(timeout: .seconds(20)).hasPrefix("127.99.99.99") ? launcher : nil
  }
}
