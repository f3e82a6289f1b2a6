internal import GatewayCore
internal import GatewaySimulator
internal import GatewaySystem
internal import Glibc

/// Modbus TCP polls with nothing around them: one blocking socket, one write and one read each. What the kernel
/// and the wire cost on this machine.
enum BarePolls {
  struct Cost {
    /// CPU, as a share of one core.
    var share: Double
    /// How late the thread woke up, 99 % of the times; microseconds.
    var lateness: Double
  }

  /// What `rate` polls a second of `registers` registers cost, evenly spaced, for so many seconds.
  static func cost(_ field: FieldSimulator, rate: Int, registers: Int, seconds: Int) throws -> Cost {
    var lateness: [Double] = []
    let descriptor = try connect(field.ports[0])
    let start = (SystemClock.threadCPU, SystemClock.boot)
    for poll in 1...rate * seconds {
      precondition(exchange(descriptor, registers), "BUG: the field did not answer")
      let due = start.1.microseconds + Int64(poll) * 1_000_000 / Int64(rate)
      let rest = due - SystemClock.boot.microseconds
      if rest > 0 { usleep(UInt32(rest)) }
      lateness.append(Double(SystemClock.boot.microseconds - due))
    }
    return Cost(
      share: Double(SystemClock.threadCPU - start.0) / Double(seconds) / 1e6,
      lateness: lateness.sorted()[lateness.count * 99 / 100])
  }

  /// Registers a second, one poll behind the other.
  static func registersPerSecond(_ field: FieldSimulator, registers: Int) throws -> Double {
    let descriptor = try connect(field.ports[0])
    let polls = 20_000
    let elapsed = seconds {
      for _ in 0..<polls { precondition(exchange(descriptor, registers), "BUG: the field did not answer") }
    }
    return Double(polls * registers) / elapsed
  }

  private static func connect(_ port: UInt16) throws -> FileDescriptor {
    let descriptor = FileDescriptor(owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor.number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    let code = errno
    guard result == 0 else { throw SystemError("cannot connect to the field", code: code) }
    return descriptor
  }

  private static func exchange(_ descriptor: borrowing FileDescriptor, _ registers: Int) -> Bool {
    let request: [UInt8] = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, UInt8(registers)]
    guard case .success = request.withUnsafeBytes({ descriptor.write($0) }) else { return false }
    let expected = 9 + registers * 2
    return withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) { room in
      var count = 0
      while count < expected {
        guard case .success(let more) = descriptor.read(into: room), more > 0 else { return false }
        count += more
      }
      return true
    }
  }
}
