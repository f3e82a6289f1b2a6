internal import CSystem
internal import GatewayCore
internal import Glibc

/// Waits for many descriptors at once (epoll, level-triggered). Any thread may add and change; one waits.
package struct EventPoll: ~Copyable, Sendable {
  package struct Event: BitwiseCopyable, Sendable {
    /// What `add` was given.
    package var token: UInt64
    package var isReadable: Bool
    package var isWritable: Bool
  }

  private let epoll: FileDescriptor

  package init() throws(SystemError) {
    let number = epoll_create1(Int32(EPOLL_CLOEXEC))
    let code = errno
    guard number >= 0 else { throw SystemError("cannot make an epoll descriptor", code: code) }
    epoll = FileDescriptor(owning: number)
  }

  /// Readable while one of them is ready; for waiting on it together with others.
  package var descriptor: Int32 { epoll.number }

  /// A descriptor leaves by being closed.
  package func add(_ number: Int32, token: UInt64) { control(EPOLL_CTL_ADD, number, token, EPOLLIN.rawValue) }

  package func change(_ number: Int32, token: UInt64, reads: Bool, writes: Bool) {
    let wanted = (reads ? EPOLLIN.rawValue : 0) | (writes ? EPOLLOUT.rawValue : 0)
    control(EPOLL_CTL_MOD, number, token, wanted)
  }

  private func control(_ operation: Int32, _ number: Int32, _ token: UInt64, _ events: UInt32) {
    var event = epoll_event()
    event.events = events
    event.data.u64 = token
    let result = epoll_ctl(epoll.number, operation, number, &event)
    precondition(
      result == 0 || errno == ENOMEM || errno == ENOSPC, "BUG: polling a descriptor that is closed")
  }

  /// Fills `events` with what is ready; waits for ever when `timeout` is nil. Errors and hang-ups count as
  /// readable: the read tells.
  package func wait(into events: inout [Event], timeout: Duration?) {
    events.removeAll(keepingCapacity: true)
    withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 256) { room in
      let count = Self.wait(epoll.number, room, timeout)
      for index in 0..<Int(max(count, 0)) {
        let mask = room[index].events
        let isReadable = mask & (EPOLLIN.rawValue | EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        let isWritable = mask & EPOLLOUT.rawValue != 0
        events.append(Event(token: room[index].data.u64, isReadable: isReadable, isWritable: isWritable))
      }
    }
  }

  /// To the microsecond: a character at 9600 baud takes one millisecond.
  private static func wait(
    _ descriptor: Int32, _ room: UnsafeMutableBufferPointer<epoll_event>, _ timeout: Duration?
  ) -> Int32 {
    guard let timeout else { return epoll_pwait2(descriptor, room.baseAddress, Int32(room.count), nil, nil) }
    let microseconds = Int(max(timeout.microseconds, 0))
    var limit = timespec(tv_sec: microseconds / 1_000_000, tv_nsec: microseconds % 1_000_000 * 1000)
    return epoll_pwait2(descriptor, room.baseAddress, Int32(room.count), &limit, nil)
  }
}
