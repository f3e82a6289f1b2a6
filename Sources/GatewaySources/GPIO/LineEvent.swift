internal import GatewayCore

/// One edge of one line, as the kernel saw it.
struct LineEvent: Equatable, BitwiseCopyable, Sendable {
  /// Of the interrupt, or of its thread where the chip sits behind a slow bus.
  var at: MonotonicTime
  /// From inactive to active.
  var isRising: Bool
  /// 1, 2, … for each edge of the line; 0 where the kernel's interface does not count them (libgpiod 1.6).
  var number: UInt64
}
