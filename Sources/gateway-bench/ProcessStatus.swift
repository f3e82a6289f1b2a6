internal import GatewaySystem

/// What the kernel says of a process in /proc.
enum ProcessStatus {
  /// A line of `status`, such as "VmHWM:"; 0 where there is none. `pid` nil: of this process.
  static func bytes(_ key: String, pid: Int32? = nil) -> Int {
    let status = words("/proc/\(pid.map { "\($0)" } ?? "self")/status")
    guard let place = status.firstIndex(of: key), place + 1 < status.count else { return 0 }
    return (Int(status[place + 1]) ?? 0) * 1024
  }

  static func words(_ path: String) -> [String] {
    guard let bytes = try? readFile(path) else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
  }
}
