internal import CSystem
internal import GatewayCore
package import GatewaySystem
internal import Glibc

/// A real program beside the test or benchmark: started, read line by line, killed at will, and measured by the
/// kernel's own accounts. Owned by one thread.
package final class ChildProcess {
  /// What the kernel counted for the whole life of the process.
  package struct Usage: Sendable {
    /// The exit code; negative: the signal that ended it.
    package var status: Int32
    /// User and system time, seconds.
    package var cpuSeconds: Double
    /// Highest resident set, bytes.
    package var peakResident: Int
  }

  package let pid: Int32
  private let output: FileDescriptor
  private var pending: [UInt8] = []
  private var usage: Usage?

  /// Starts `path` with its standard output (and, if asked, error) readable through `readLine`.
  package init(
    _ path: String, _ arguments: [String], environment: [String: String] = [:], mergesErrors: Bool = false
  ) throws(SystemError) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw SystemError("cannot make a pipe", code: errno) }
    for end in ends { _ = gateway_fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    if mergesErrors { posix_spawn_file_actions_adddup2(&actions, ends[1], 2) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    // The daemon blocks signals in its own threads; a child starts with none blocked.
    var mask = sigset_t()
    sigemptyset(&mask)
    posix_spawnattr_setsigmask(&attributes, &mask)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var argv = ([path] + arguments).map { strdup($0) } + [nil]
    var envp = Self.environment(environment).map { strdup($0) } + [nil]
    var child = pid_t()
    let code = posix_spawn(&child, path, &actions, &attributes, &argv, &envp)
    for pointer in argv + envp { free(pointer) }
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
    _ = close(ends[1])
    output = FileDescriptor(owning: ends[0])
    guard code == 0 else { throw SystemError("cannot start \"\(path)\"", code: code) }
    pid = child
  }

  deinit {
    if usage == nil {
      _ = Glibc.kill(pid, SIGKILL)
      _ = wait()
    }
  }

  private static func environment(_ changes: [String: String]) -> [String] {
    var all: [String] = []
    var entry = Glibc.environ
    while let text = entry.pointee {
      let assignment = String(cString: text)
      if let name = assignment.split(separator: "=", maxSplits: 1).first, changes[String(name)] == nil {
        all.append(assignment)
      }
      entry += 1
    }
    return all + changes.map { "\($0.key)=\($0.value)" }
  }

  package func kill(_ signal: Int32) { _ = Glibc.kill(pid, signal) }

  /// The next line of output without its newline; nil at the end, or when none came within the timeout.
  package func readLine(timeout: Duration) -> String? {
    let deadline = SystemClock.boot.advanced(by: timeout)
    while true {
      if let newline = pending.firstIndex(of: 0x0A) {
        defer { pending.removeSubrange(...newline) }
        return String(decoding: pending[..<newline], as: UTF8.self)
      }
      let left = SystemClock.boot.duration(to: deadline)
      guard left > .zero, fill(timeout: left) else { return nil }
    }
  }

  /// All output until its end.
  package func readAll(timeout: Duration) -> String {
    let deadline = SystemClock.boot.advanced(by: timeout)
    while SystemClock.boot < deadline, fill(timeout: SystemClock.boot.duration(to: deadline)) {}
    return String(decoding: pending, as: UTF8.self)
  }

  private func fill(timeout: Duration) -> Bool {
    var entry = pollfd(fd: output.number, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, timeout.millisecondsRoundedUp) > 0 else { return false }
    var chunk = [UInt8](repeating: 0, count: 4096)
    guard case .success(let count) = chunk.withUnsafeMutableBytes({ output.read(into: $0) }), count > 0 else {
      return false
    }
    pending.append(contentsOf: chunk[..<count])
    return true
  }

  /// Whether the process has ended; does not wait.
  package var hasEnded: Bool { usage != nil || reap(options: WNOHANG) }

  /// Waits for the end.
  @discardableResult
  package func wait() -> Usage {
    if usage == nil { _ = reap(options: 0) }
    return usage ?? Usage(status: -1, cpuSeconds: 0, peakResident: 0)
  }

  /// Waits at most `timeout` for the end; nil when it goes on running.
  package func wait(timeout: Duration) -> Usage? {
    let deadline = SystemClock.boot.advanced(by: timeout)
    while !hasEnded {
      guard SystemClock.boot < deadline else { return nil }
      usleep(5000)
    }
    return usage
  }

  private func reap(options: Int32) -> Bool {
    var status: Int32 = 0
    var counted = rusage()
    let result = retrying { wait4(pid, &status, options, &counted) }
    guard case .success(let ended) = result, ended == pid else { return false }
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    let signal = status & 0x7F
    usage = Usage(
      status: signal == 0 ? status >> 8 & 0xFF : -signal,
      cpuSeconds: seconds(counted.ru_utime) + seconds(counted.ru_stime),
      peakResident: counted.ru_maxrss * 1024)
    return true
  }
}
