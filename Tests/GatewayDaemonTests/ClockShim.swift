import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc

/// The clocks of a machine for one `gatewayd`, in a file that it shares with the test: a library that is loaded before the
/// C library answers for the kernel (`source`). Wall time is boot time and `offset`; so nothing depends on how fast this
/// machine is, and a step is one store. Nothing is faked in the test's own process.
final class FakeMachine {
  /// As `struct control` has it.
  private struct Control {
    var offset: Int64 = 0
    var boot: Int64 = 0
    var monotonic: Int64 = 0
    var pending: Int64 = 0
    var synchronized: Int32 = 0
    var leap: Int32 = 0
  }

  /// Time less boot time that this machine really has, microseconds.
  let truth: Int64
  private let directory: String
  private let control: UnsafeMutablePointer<Control>
  private var bootCount = 0

  init(in directory: String) throws {
    self.directory = directory
    let reading = SystemClock.reading
    truth = reading.moment.offset
    let file = try FileDescriptor.open("\(directory)/clock", O_RDWR | O_CREAT | O_TRUNC)
    ftruncate(file.number, off_t(MemoryLayout<Control>.stride))
    let memory = mmap(
      nil, MemoryLayout<Control>.stride, PROT_READ | PROT_WRITE, MAP_SHARED, file.number, 0)
    guard let memory, memory != MAP_FAILED else { throw Cabinet.Failure(description: "cannot map the clock") }
    control = memory.bindMemory(to: Control.self, capacity: 1)
    control.initialize(to: Control())
    try switchOn()
  }

  deinit { munmap(control, MemoryLayout<Control>.stride) }

  /// What `gatewayd` is to find in its environment.
  func environment() throws -> [String: String] {
    [
      "LD_PRELOAD": try Self.library.get(), "CLOCK_CONTROL": "\(directory)/clock",
      "CLOCK_BOOT_ID": "\(directory)/boot_id",
    ]
  }

  /// Boot time less this machine's own, and wall time less boot time, microseconds.
  private(set) var bootShift: Int64 = 0
  private var offset: Int64 = 0

  /// Another boot begins just now: boot time is 0, and the clock shows the beginning of 1970, or this.
  func switchOn(showing time: Timestamp = Timestamp(microseconds: 10_000_000)) throws {
    bootCount += 1
    let digits = String(bootCount, radix: 16)
    let id = "\(String(repeating: "0", count: 8 - digits.count) + digits)-1111-2222-3333-444444444444\n"
    let file = try FileDescriptor.open("\(directory)/boot_id", O_WRONLY | O_CREAT | O_TRUNC)
    _ = Array(id.utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
    let now = SystemClock.reading
    bootShift = -now.moment.boot.microseconds
    control.pointee.boot = bootShift * 1000
    control.pointee.monotonic = -now.monotonic.nanoseconds
    control.pointee.leap = 0
    setSynchronized(false)
    set(offset: time.microseconds)
  }

  private func set(offset: Int64) {
    self.offset = offset
    control.pointee.offset = offset * 1000
  }

  /// Time less boot time that is right, microseconds: what is added to boot time by `sleep` and `run` has passed.
  var right: Int64 { truth - bootShift + passed }
  private var passed: Int64 = 0

  func step(by change: Duration) { set(offset: offset + change.microseconds) }

  /// NTP sets the clock to the right time and calls it synchronised.
  func synchronize() {
    set(offset: right)
    setSynchronized(true)
  }

  func setSynchronized(_ isTrue: Bool) { control.pointee.synchronized = isTrue ? 1 : 0 }

  /// The kernel repeats a second.
  func leap() {
    control.pointee.leap = 1
    step(by: .seconds(-1))
  }

  /// The machine was suspended: boot time goes on, and monotonic time does not.
  func sleep(for time: Duration) {
    bootShift += time.microseconds
    passed += time.microseconds
    control.pointee.boot = bootShift * 1000
  }

  /// So much time passes at once.
  func run(for time: Duration) {
    control.pointee.monotonic += time.microseconds * 1000
    sleep(for: time)
  }

  private static let library = Result { try compile() }

  private static func compile() throws -> String {
    let directory = try TemporaryDirectory.make(prefix: "gateway-clock")
    let (text, path) = ("\(directory)/clock.c", "\(directory)/clock.so")
    let file = try FileDescriptor.open(text, O_WRONLY | O_CREAT)
    _ = Array(source.utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
    let process = try ChildProcess(
      "/usr/bin/env", ["cc", "-shared", "-fPIC", "-O1", "-o", path, text, "-ldl"], mergesErrors: true)
    let output = process.readAll(timeout: .seconds(60))
    guard process.wait().status == 0 else {
      throw Cabinet.Failure(description: "cannot compile the clock: \(output)")
    }
    return path
  }

  static let isThere = access("/usr/bin/cc", X_OK) == 0

  private static let source = #"""
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <fcntl.h>
    #include <stdarg.h>
    #include <stdint.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <sys/syscall.h>
    #include <sys/time.h>
    #include <sys/timex.h>
    #include <time.h>
    #include <unistd.h>

    struct control { int64_t offset, boot, monotonic, pending; int32_t synchronized, leap; };
    static volatile struct control *control;

    __attribute__((constructor)) static void start(void) {
      const char *path = getenv("CLOCK_CONTROL");
      int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
      if (file < 0) return;
      void *memory = mmap(0, sizeof *control, PROT_READ, MAP_SHARED, file, 0);
      if (memory != MAP_FAILED) control = memory;
      close(file);
    }

    static int64_t kernel(clockid_t clock) {
      struct timespec value;
      syscall(SYS_clock_gettime, clock, &value);
      return value.tv_sec * INT64_C(1000000000) + value.tv_nsec;
    }

    static int fake(clockid_t clock, int64_t *time) {
      if (!control) return 0;
      switch (clock) {
      case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE:
        *time = kernel(CLOCK_BOOTTIME) + control->boot + control->offset; return 1;
      case CLOCK_BOOTTIME: *time = kernel(CLOCK_BOOTTIME) + control->boot; return 1;
      case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_COARSE: case CLOCK_MONOTONIC_RAW:
        *time = kernel(CLOCK_MONOTONIC) + control->monotonic; return 1;
      default: return 0;
      }
    }

    int clock_gettime(clockid_t clock, struct timespec *value) {
      int64_t time;
      if (!fake(clock, &time)) return (int)syscall(SYS_clock_gettime, clock, value);
      value->tv_sec = time / 1000000000;
      value->tv_nsec = time % 1000000000;
      return 0;
    }

    int gettimeofday(struct timeval *value, void *zone) {
      struct timespec time;
      clock_gettime(CLOCK_REALTIME, &time);
      value->tv_sec = time.tv_sec;
      value->tv_usec = time.tv_nsec / 1000;
      return 0;
    }

    time_t time(time_t *result) {
      struct timespec value;
      clock_gettime(CLOCK_REALTIME, &value);
      if (result) *result = value.tv_sec;
      return value.tv_sec;
    }

    int adjtimex(struct timex *state) {
      memset(state, 0, sizeof *state);
      if (!control || !control->synchronized) { state->status = STA_UNSYNC; return TIME_ERROR; }
      state->offset = control->pending;
      return control->leap ? TIME_WAIT : TIME_OK;
    }

    static int redirected(int directory, const char *path, int flags, unsigned mode) {
      const char *id = getenv("CLOCK_BOOT_ID");
      if (id && !strcmp(path, "/proc/sys/kernel/random/boot_id")) path = id;
      return (int)syscall(SYS_openat, directory, path, flags, mode);
    }

    int openat(int directory, const char *path, int flags, ...) {
      va_list rest;
      va_start(rest, flags);
      unsigned mode = va_arg(rest, unsigned);
      va_end(rest);
      return redirected(directory, path, flags, mode);
    }

    int openat64(int directory, const char *path, int flags, ...) {
      va_list rest;
      va_start(rest, flags);
      unsigned mode = va_arg(rest, unsigned);
      va_end(rest);
      return redirected(directory, path, flags, mode);
    }
    """#
}
