internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem
internal import Glibc

/// The real `gatewayd` under a load, and what the kernel says it costs.
final class GatewayProcess {
  struct Usage {
    var cpuSeconds: Double
    var peakResident: Int
    var anonymous: Int
  }

  let directory: String
  private var process: ChildProcess?

  init() throws { directory = try TemporaryDirectory.make(prefix: "gateway-bench") }

  deinit {
    process = nil
    TemporaryDirectory.remove(directory)
  }

  /// Where its store lies; made by the first start.
  var stateDirectory: String { "\(directory)/state" }

  /// Starts it, on one processor if asked, and waits until it answers.
  func start(config: String, processor: Int? = nil) throws {
    try launch(config: config, processor: processor)
    for _ in 0..<400 where status == nil { usleep(10_000) }
    guard status != nil else {
      throw SystemError("cannot reach the gateway that was started", code: ETIMEDOUT)
    }
  }

  /// Starts it and waits for nothing.
  func launch(config: String, processor: Int? = nil) throws {
    let path = try write(config)
    let program = try programsDirectory() + "/gatewayd"
    let arguments = ["--config", path, "--state", stateDirectory, "--socket", socketPath]
    if let processor {
      process = try ChildProcess(
        "/usr/bin/taskset", ["-c", "\(processor)", program] + arguments, mergesErrors: true)
    } else {
      process = try ChildProcess(program, arguments, mergesErrors: true)
    }
  }

  /// Lets it look at the configuration and do nothing else.
  func check(config: String) throws {
    let checker = try ChildProcess(
      programsDirectory() + "/gatewayd", ["--config", write(config), "--check"], mergesErrors: true)
    let text = checker.readAll(timeout: .seconds(10))
    guard checker.wait().status == 0 else {
      throw SystemError("gatewayd refuses its configuration: \(text)", code: EINVAL)
    }
  }

  private func write(_ config: String) throws -> String {
    let path = "\(directory)/gateway.yaml"
    unlink(path)
    let file = try FileDescriptor.open(path, O_CREAT | O_WRONLY)
    _ = config.utf8.withContiguousStorageIfAvailable { file.writeAll(UnsafeRawBufferPointer($0), at: 0) }
    return path
  }

  private var socketPath: String { "\(directory)/control.sock" }

  var status: JSONValue? {
    guard let program = try? programsDirectory() + "/gatewayctl",
      let control = try? ChildProcess(
        program, ["--socket", socketPath, "status", "--json"], mergesErrors: true)
    else { return nil }
    let text = control.readAll(timeout: .seconds(5))
    guard let value = try? JSONValue(parsing: text), value["gateway"] != nil else { return nil }
    return value
  }

  func count(_ key: String) -> Double { status?["accounting"]?[key]?.double ?? .nan }

  func kill(_ signal: Int32) {
    process?.kill(signal)
    _ = process?.wait(timeout: .seconds(10))
    process = nil
  }

  /// What a power cut is to the store: the process ends, and its mark in the runtime directory is gone.
  func cutPower() {
    kill(SIGKILL)
    unlink("\(socketPath).stored")
  }

  /// An empty state directory.
  func emptyState() throws {
    TemporaryDirectory.remove(stateDirectory)
    try makeDirectory(stateDirectory)
  }

  /// Of all threads since their start, to the nanosecond.
  var usage: Usage {
    guard let pid = process?.pid else { return Usage(cpuSeconds: 0, peakResident: 0, anonymous: 0) }
    var nanoseconds = 0.0
    for task in Self.entries("/proc/\(pid)/task") {
      let words = ProcessStatus.words("/proc/\(pid)/task/\(task)/schedstat")
      nanoseconds += words.first.flatMap { Double($0) } ?? 0
    }
    return Usage(
      cpuSeconds: nanoseconds / 1e9, peakResident: ProcessStatus.bytes("VmHWM:", pid: pid),
      anonymous: ProcessStatus.bytes("RssAnon:", pid: pid))
  }

  private static func entries(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.first != "." { names.append(name) }
    }
    return names
  }
}
