internal import CSystem
internal import GatewayCore
internal import Glibc
internal import Synchronization

/// A named thread of the operating system, for what blocks in C. Joined exactly once, by whoever started it.
package struct WorkerThread: ~Copyable, Sendable {
  private let handle: pthread_t

  /// Starts `body` on a new thread. `name` shows in `ps -L` and is cut to 15 bytes.
  package init(name: String, _ body: sending @escaping () -> Void) throws(SystemError) {
    let start = Unmanaged.passRetained(Start(name: name, body: body))
    var thread = pthread_t()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    // The default is 8 MiB of address space; ours call shallow C libraries (measured: below 64 KiB).
    pthread_attr_setstacksize(&attributes, 512 << 10)
    let code = pthread_create(
      &thread, &attributes,
      { argument in
        let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        pthread_setname_np(pthread_self(), String(start.name.utf8.prefix(15))!)
        start.body()
        return nil
      }, start.toOpaque())
    pthread_attr_destroy(&attributes)
    guard code == 0 else {
      start.release()
      throw SystemError("cannot start thread \"\(name)\"", code: code)
    }
    handle = thread
  }

  /// Waits for the thread to end.
  package consuming func join() { pthread_join(handle, nil) }

  /// Lets the calling thread's timers strike as exactly as the kernel can: a serial line's silences are counted in
  /// fractions of milliseconds.
  package static func sharpenTimers() { _ = gateway_set_timer_slack(1) }

  private final class Start {
    let name: String
    let body: () -> Void
    init(name: String, body: @escaping () -> Void) {
      self.name = name
      self.body = body
    }
  }
}

/// A worker's sign of life, for the watchdog: the worker beats in each turn of its loop.
package final class Heartbeat: Sendable {
  package let name: String
  /// How long the worker may be busy with one thing; after that it is taken for dead.
  package let patience: Duration
  private let last: Atomic<Int64>

  package init(name: String, patience: Duration = .seconds(20)) {
    self.name = name
    self.patience = patience
    last = Atomic(SystemClock.boot.microseconds)
  }

  package func beat() { last.store(SystemClock.boot.microseconds, ordering: .relaxed) }

  /// Time since the last beat.
  package var age: Duration {
    .microseconds(SystemClock.boot.microseconds - last.load(ordering: .relaxed))
  }
}
