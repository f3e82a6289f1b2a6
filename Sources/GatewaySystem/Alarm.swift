internal import CSystem
package import GatewayCore
internal import Glibc

/// A descriptor that becomes readable at an instant (timerfd), for whoever waits on descriptors anyway. Setting
/// it again is all that it needs: it is never read.
package struct Alarm: ~Copyable, Sendable {
  private let timer: FileDescriptor

  package init() throws(SystemError) {
    let number = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_CLOEXEC) | Int32(TFD_NONBLOCK))
    let code = errno
    guard number >= 0 else { throw SystemError("cannot make a timer", code: code) }
    timer = FileDescriptor(owning: number)
  }

  package var descriptor: Int32 { timer.number }

  /// Readable from then on, at once when that has passed; nil: not at all.
  package func set(_ time: MonotonicTime?) {
    var setting = itimerspec()
    // 0 would disarm it.
    let nanoseconds = time.map { max($0.nanoseconds, 1) } ?? 0
    setting.it_value = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    let result = timerfd_settime(timer.number, Int32(TFD_TIMER_ABSTIME), &setting, nil)
    precondition(result == 0, "BUG: the kernel refuses a timer at \(nanoseconds) ns")
  }
}
