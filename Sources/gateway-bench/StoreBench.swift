internal import GatewayCore
internal import GatewaySimulator
internal import GatewayStore
internal import GatewaySystem
internal import Glibc

/// Rows a second through the durable store, beside bare pwrite + fdatasync of the same bytes.
enum StoreBench {
  static let rowsPerCommit = 1000
  private static let commits = 1000

  static func run() throws {
    Report.head(
      "store: commits of \(rowsPerCommit) rows, encoded, one fdatasync each, acknowledged; median of 5")
    var rates: [Double] = []
    var limits: [Double] = []
    var cpus: [Double] = []
    var bytesPerRow = 0.0
    var payloadBytes = 0
    for _ in 0..<5 {
      let pass = try store()
      rates.append(Double(rowsPerCommit * commits) / pass.seconds)
      cpus.append(pass.cpuSeconds / Double(commits) * 1e6)
      bytesPerRow = pass.bytesPerRow
      payloadBytes = pass.payloadBytes
      limits.append(Double(rowsPerCommit * commits) / (try bare(bytes: payloadBytes)))
    }
    Report.line(
      "  appended and acknowledged", value: median(rates) / 1e6, unit: "M rows/s",
      limit: median(limits) / 1e6,
      limitName: "bare", goal: "≥ 2 M rows/s")
    Report.line("  commits", value: median(rates) / Double(rowsPerCommit), unit: "/s")
    Report.line("  CPU per commit, encoding included", value: median(cpus), unit: "µs")
    Report.line("  bytes written per row", value: bytesPerRow, unit: "bytes", goal: "≤ 16")
  }

  private struct Pass {
    var seconds: Double
    var cpuSeconds: Double
    var bytesPerRow: Double
    var payloadBytes: Int
  }

  private static func store() throws -> Pass {
    let directory = try TemporaryDirectory.make(prefix: "gateway-bench")
    defer { TemporaryDirectory.remove(directory) }
    let catalogue = Catalogue(
      points: (0..<rowsPerCommit).map {
        PointDescription(name: "device.p\($0)", unit: "CEL", kind: .gauge, window: .raw, functions: .standard)
      })
    let store = try DurableStore.open(
      directory: directory, capacity: 64 << 20, destinations: ["platform"], boot: BootID(high: 1, low: 2),
      mark: StoredMark())
    while store.extendOneSlot() {}
    let queue = store.queue(for: "platform")
    var rows = RowEncoder()
    var payload = 0
    let written = store.usage.bytesWritten
    let cpu = SystemClock.threadCPU
    let elapsed = try seconds {
      for commit in 0..<commits {
        encode(commit, into: &rows)
        let first = UInt64(commit * rowsPerCommit + 1)
        try rows.bytes.withBytes {
          payload = $0.count
          try store.append(
            payload: $0, rowCount: rowsPerCommit, catalogue: catalogue,
            time: Timestamp(microseconds: Int64(commit) * 1_000_000))
        }
        queue.acknowledge(first...first + UInt64(rowsPerCommit) - 1, as: .delivered)
      }
    }
    let bytes = store.usage.bytesWritten - written
    let used = Double(SystemClock.threadCPU - cpu) / 1e6
    try store.close()
    return Pass(
      seconds: elapsed, cpuSeconds: used, bytesPerRow: Double(bytes) / Double(commits * rowsPerCommit),
      payloadBytes: payload)
  }

  /// Scaled 16-bit numbers, floats and counters, as cabinets have them.
  static func encode(_ commit: Int, into rows: inout RowEncoder) {
    rows.removeAll()
    let time = 1_700_000_000_000_000 + Int64(commit) * 1_000_000
    for point in 0..<rowsPerCommit {
      let micros = time + Int64(point / 20) * 400
      let value: Value =
        switch point % 4 {
        case 0, 1: .double(Double((point * 37 + commit) % 4000) / 10)
        case 2: .double(Double(Float(point) * 1.37 + Float(commit) * 0.013))
        default: .unsigned(UInt64(point * 1000 + commit))
        }
      rows.append(
        Reading(
          point: PointIndex(point),
          at: Moment(time: Timestamp(microseconds: micros), boot: BootTime(microseconds: micros - 5)),
          value: value))
    }
  }

  /// Seconds for as many plain writes, each with its fdatasync, into a file that is already there.
  private static func bare(bytes: Int) throws -> Double {
    let directory = try TemporaryDirectory.make(prefix: "gateway-bench")
    defer { TemporaryDirectory.remove(directory) }
    let file = try FileDescriptor.open("\(directory)/bare", O_CREAT | O_RDWR)
    let size = (bytes + 4095) / 4096 * 4096
    let block = [UInt8](repeating: 7, count: size)
    let slots = (32 << 20) / size
    for slot in 0..<slots { _ = block.withUnsafeBytes { file.writeAll($0, at: slot * size) } }
    _ = file.synchronize()
    return seconds {
      for commit in 0..<commits {
        _ = block.withUnsafeBytes { file.writeAll($0, at: commit % slots * size) }
        _ = file.synchronizeData()
      }
    }
  }
}
