internal import CSystem
package import GatewayCore
internal import Glibc

/// The kernel's clocks. The only place that reads them.
package enum SystemClock {
  /// Wall and boot time read together (a few tens of nanoseconds apart).
  package static var moment: Moment { Moment(time: time, boot: boot) }

  package static var time: Timestamp { Timestamp(microseconds: read(CLOCK_REALTIME)) }

  package static var boot: BootTime { BootTime(microseconds: read(CLOCK_BOOTTIME)) }

  /// All clocks, within some microseconds of each other: read again when the thread lost its processor between.
  package static var reading: ClockReading {
    var reading = ClockReading(monotonic: monotonic, moment: moment)
    for _ in 0..<3 where monotonic.nanoseconds - reading.monotonic.nanoseconds > 20_000 {
      reading = ClockReading(monotonic: monotonic, moment: moment)
    }
    return reading
  }

  package static var monotonic: MonotonicTime {
    MonotonicTime(nanoseconds: readNanoseconds(CLOCK_MONOTONIC))
  }

  /// What systemd calls MONOTONIC_USEC.
  package static var monotonicMicroseconds: Int64 { read(CLOCK_MONOTONIC) }

  /// CPU time of the whole process, microseconds.
  package static var processCPU: Int64 { read(CLOCK_PROCESS_CPUTIME_ID) }

  /// CPU time of the calling thread, microseconds.
  package static var threadCPU: Int64 { read(CLOCK_THREAD_CPUTIME_ID) }

  /// Whether the kernel's clock is disciplined by NTP or PTP (`adjtimex(2)`, STA_UNSYNC).
  package static var isSynchronized: Bool {
    var state = timex()
    let result = adjtimex(&state)
    return result >= 0 && result != TIME_ERROR && state.status & STA_UNSYNC == 0
  }

  /// Everything that the kernel says of its clocks.
  package static var look: ClockLook {
    var state = timex()
    let result = adjtimex(&state)
    let reading = reading
    // A server may lie, and not everybody who calls the clock synchronised has asked one.
    let isSynchronized =
      result >= 0 && result != TIME_ERROR && state.status & STA_UNSYNC == 0
      && reading.moment.time >= GatewayVersion.epoch
    // Nanoseconds where the kernel counts in them.
    let pending = Int64(state.offset) / (state.status & STA_NANO == 0 ? 1 : 1000)
    return ClockLook(
      reading: reading, isSynchronized: isSynchronized, pending: isSynchronized ? pending : 0,
      isLeap: [TIME_INS, TIME_DEL, TIME_OOP, TIME_WAIT].contains(result))
  }

  /// Whether the clock is wrong, because it was `known` already. Somebody who set it back by NTP is believed, but not
  /// a clock from before this program was written.
  package static func isBehind(_ known: Timestamp) -> Bool {
    time < known && (time < GatewayVersion.epoch || !isSynchronized)
  }

  /// nil where the kernel does not say (no /proc).
  package static var bootID: BootID? {
    guard let bytes = try? readFile("/proc/sys/kernel/random/boot_id", limit: 64) else { return nil }
    return BootID(text: String(decoding: bytes, as: UTF8.self).split(separator: "\n").first ?? "")
  }

  private static func read(_ clock: clockid_t) -> Int64 { readNanoseconds(clock) / 1000 }

  private static func readNanoseconds(_ clock: clockid_t) -> Int64 {
    var value = timespec()
    let result = clock_gettime(clock, &value)
    precondition(result == 0, "BUG: the kernel has no clock \(clock)")
    return Int64(value.tv_sec) * 1_000_000_000 + Int64(value.tv_nsec)
  }
}
