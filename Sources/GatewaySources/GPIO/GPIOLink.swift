internal import GatewayCore
internal import GatewaySystem

/// What a GPIO bus holds while its chip is there: the chip, the poll over its lines, and an alarm for what happens
/// without an event. The descriptors of lines leave the poll by being closed.
final class GPIOLink {
  private static let alarmToken = UInt64.max

  let chip: GPIOChip
  private let poll: EventPoll
  private let alarm: Alarm
  private var alarmTime: MonotonicTime?
  private var ready: [EventPoll.Event] = []

  init(_ chip: GPIOChip, lines: Int) throws(SystemError) {
    self.chip = chip
    poll = try EventPoll()
    alarm = try Alarm()
    poll.add(alarm.descriptor, token: Self.alarmToken)
    ready.reserveCapacity(lines + 1)
  }

  /// Readable while a line has events, or the alarm's time has come.
  var descriptor: Int32 { poll.descriptor }

  /// Hears the events of the line at that place among the bus's, which was just opened.
  func hear(_ channel: GPIOChannel, _ place: Int) {
    if let descriptor = channel.descriptor { poll.add(descriptor, token: UInt64(place)) }
  }

  /// Leaves a line alone that has brought more than its share, until the slice of its storm is over.
  func silence(_ channel: GPIOChannel, _ place: Int) {
    guard !channel.isSilenced, channel.silentUntil != nil, let descriptor = channel.descriptor else { return }
    channel.isSilenced = true
    poll.change(descriptor, token: UInt64(place), reads: false, writes: false)
  }

  func endSilence(_ channel: GPIOChannel, _ place: Int, at now: MonotonicTime) {
    guard channel.isSilenced, let end = channel.silentUntil, end <= now else { return }
    channel.isSilenced = false
    if let descriptor = channel.descriptor {
      poll.change(descriptor, token: UInt64(place), reads: true, writes: false)
    }
  }

  /// Calls `body` with the place of each line that has events.
  func forEachReady(_ body: (Int) throws(Errno) -> Void) throws(Errno) {
    poll.wait(into: &ready, timeout: .zero)
    for event in ready where event.token != Self.alarmToken { try body(Int(event.token)) }
  }

  /// Wakes the thread when the next line settles, or is to be heard again.
  func setAlarm(for channels: [GPIOChannel]) {
    var next: MonotonicTime?
    for channel in channels {
      if let time = channel.deadline { next = min(time, next ?? time) }
      if channel.isSilenced, let time = channel.silentUntil { next = min(time, next ?? time) }
    }
    guard next != alarmTime else { return }
    alarmTime = next
    alarm.set(next)
  }
}
