import GatewayCore
import GatewaySystem
import Glibc
import Synchronization

@testable import GatewaySimulator

/// Stands between the gateway and a real platform, and cuts the connection instead of passing on some of the answers:
/// what was sent is stored, and nobody knows. One connection after the other.
final class LossyRelay: Sendable {
  let address: ListenAddress
  private let target: UInt16
  private let listener: FileDescriptor
  private let stopSignal: EventSignal
  private let counts = Mutex((lost: 0, share: 0.3))
  private let thread = Mutex<WorkerThread?>(nil)

  /// To `target` on loopback.
  init(to target: UInt16) throws {
    self.target = target
    var port = try ListeningPort(ListenAddress())
    try port.listen()
    address = port.address
    listener = FileDescriptor(owning: try port.duplicate())
    stopSignal = try EventSignal()
    var worker: WorkerThread? = try WorkerThread(name: "relay") { [self] in serve() }
    thread.withLock { swap(&$0, &worker) }
  }

  var lostAnswers: Int { counts.withLock { $0.lost } }

  /// From now on every answer arrives.
  func mend() { counts.withLock { $0.share = 0 } }

  func stop() {
    stopSignal.raise()
    if let worker = thread.withLock({ $0.take() }) { worker.join() }
  }

  private func serve() {
    var dice = SplitMix(seed: 5)
    while wait(listener.number) != nil {
      let accepted = accept(listener.number, nil, nil)
      guard accepted >= 0 else { continue }
      let client = FileDescriptor(owning: accepted)
      guard let server = connect() else { continue }
      relay(client.number, server.number, &dice)
    }
  }

  private func connect() -> FileDescriptor? {
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = target.bigEndian
    place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let code = withUnsafePointer(to: &place) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    let server = FileDescriptor(owning: number)
    if code != 0 { return nil }
    return server
  }

  private func relay(_ client: Int32, _ server: Int32, _ dice: inout SplitMix) {
    var room = [UInt8](repeating: 0, count: 65_536)
    while let ready = wait(client, server) {
      let count = recv(ready, &room, room.count, 0)
      if count <= 0 { return }
      if ready == server {
        let roll = dice.unit()
        let isLost = counts.withLock { counts in
          if roll < counts.share { counts.lost += 1 }
          return roll < counts.share
        }
        if isLost { return }
      }
      var done = 0
      while done < count {
        let sent = room[done..<count].withUnsafeBytes {
          send(ready == client ? server : client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if sent <= 0 { return }
        done += sent
      }
    }
  }

  /// The one that can be read; nil when the relay is to stop.
  private func wait(_ descriptors: Int32...) -> Int32? {
    var entries = (descriptors + [stopSignal.descriptor]).map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    _ = poll(&entries, nfds_t(entries.count), -1)
    if entries[descriptors.count].revents != 0 { return nil }
    return entries.first { $0.revents != 0 }?.fd
  }
}
