internal import GatewayCore
internal import GatewaySystem

/// Connections that wait, and the server's own appointments. A value under the server's lock.
struct Parking: Sendable {
  /// Connection → when it goes on; nil: only when let go.
  private var parked: [UInt: BootTime?] = [:]
  var downAt: BootTime?
  var upAt: BootTime?
  /// The daemon is being taken down: nobody may park, everybody leaves.
  var isClosing = false
  /// The server ends for good.
  var isOver = false

  /// False when the server is closing.
  mutating func park(_ connection: UInt, until due: BootTime?) -> Bool {
    guard !isClosing else { return false }
    parked.updateValue(due, forKey: connection)
    return true
  }

  mutating func takeDue(now: BootTime) -> [UInt] {
    let due = parked.filter { entry in entry.value.map { $0 <= now } ?? false }.map(\.key)
    for connection in due { parked.removeValue(forKey: connection) }
    return due
  }

  mutating func takeHanging() -> [UInt] {
    let hanging = parked.filter { $0.value == nil }.map(\.key)
    for connection in hanging { parked.removeValue(forKey: connection) }
    return hanging
  }

  mutating func takeAll() -> [UInt] {
    defer { parked.removeAll() }
    return Array(parked.keys)
  }

  var nextDue: BootTime? {
    let times = parked.values.compactMap { $0 } + [downAt, upAt].compactMap { $0 }
    return times.min()
  }
}
