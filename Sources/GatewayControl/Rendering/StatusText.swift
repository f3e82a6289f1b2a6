// `gatewayctl status` as a person reads it: first what is wrong, then what there is.
package import GatewayCore

package struct StatusText {
  private let snapshot: StatusSnapshot
  private let terminal: Terminal
  private var lines: [String] = []

  /// The text, each line ended.
  package static func of(_ snapshot: StatusSnapshot, _ terminal: Terminal) -> String {
    var text = StatusText(snapshot: snapshot, terminal: terminal)
    text.addSummary()
    text.addBuses()
    text.addDevices()
    text.addPoints()
    text.addBooks()
    text.addStore()
    text.addDestinations()
    return text.lines.joined(separator: "\n") + "\n"
  }

  private init(snapshot: StatusSnapshot, terminal: Terminal) {
    self.snapshot = snapshot
    self.terminal = terminal
  }

  private mutating func addSummary() {
    let state = snapshot.state.rawValue.uppercased()
    let rest = "  up \(Quantities.age(snapshot.uptime))"
    let id = snapshot.id.plain.cut(terminal.width - state.count - 2 - rest.count)
    lines.append(terminal.paint(state, snapshot.state.ink) + "  " + id + rest)
    for reason in snapshot.reasons { addRemark(reason, snapshot.state.ink) }
    if !snapshot.clockIsSynchronized { addRemark("the clock is not synchronized", .doubtful) }
    addClockStep()
    if !snapshot.booksBalance { addRemark("the books do not balance", .bad) }
  }

  /// For as long as what is shown may have times of both clocks.
  private mutating func addClockStep() {
    guard let step = snapshot.clockChanges.lastStep, let time = snapshot.clockChanges.lastStepAt else {
      return
    }
    let age = Double(snapshot.now.microseconds - time.microseconds) / 1e6
    guard (0..<3600).contains(age) else { return }
    let direction = step < 0 ? "back" : "forward"
    addRemark(
      "the clock was set \(direction) by \(Quantities.age(step.magnitude)), \(Quantities.age(age)) ago",
      .doubtful)
  }

  private mutating func addRemark(_ sentence: String, _ ink: Terminal.Ink) {
    for (index, line) in sentence.plain.wrapped(terminal.width - 2).enumerated() {
      lines.append((index == 0 ? "! " : "  ") + terminal.paint(line, ink))
    }
  }

  private mutating func addHeading(_ title: String, _ more: String = "") {
    lines.append("")
    lines.append(terminal.paint(title, .heading) + (more.isEmpty ? "" : "  " + more))
  }

  private mutating func addLine(_ sentence: String, _ ink: Terminal.Ink = .plain) {
    for line in sentence.plain.wrapped(terminal.width - 2) { lines.append("  " + terminal.paint(line, ink)) }
  }

  /// What is well needs no line each where there is much of it.
  private static let mostRows = 8
  private static let mostPoints = 50

  private mutating func addBuses() {
    guard !snapshot.buses.isEmpty else { return }
    let notOK = snapshot.buses.filter { $0.state != .ok || $0.isOverloaded }
    let isLong = snapshot.buses.count > Self.mostRows
    let okCount = snapshot.buses.count - notOK.count
    addHeading("BUSES", isLong ? "\(okCount) of \(snapshot.buses.count) ok" : "")
    var table = TextTable([.left, .left, .left, .right, .right])
    for bus in isLong ? notOK : snapshot.buses {
      table.append([
        TextCell(bus.name), TextCell(terminal.isWide ? bus.type : ""),
        TextCell(bus.state.rawValue, bus.state.ink),
        TextCell("\(Quantities.grouped(bus.requests)) req"),
        TextCell("\(Quantities.grouped(bus.errors)) err", bus.errors > 0 ? .doubtful : .plain),
      ])
      if let load = Self.load(of: bus) { table.appendNote(load) }
      if let error = bus.lastError { table.appendNote(TextCell("last error: \(error)", .faint)) }
    }
    lines += table.lines(terminal)
  }

  /// Only where the line has hardly any time left.
  private static func load(of bus: StatusSnapshot.Bus) -> TextCell? {
    if let planned = bus.planned, bus.isOverloaded {
      return TextCell("asks for \(Quantities.percent(planned)) of the line's time", .doubtful)
    }
    guard let taken = bus.utilisation, taken > 0.8 else { return nil }
    return TextCell("the line is taken \(Quantities.percent(taken)) of the time", .doubtful)
  }

  private mutating func addDevices() {
    let devices = snapshot.devices
    guard !devices.isEmpty else { return }
    let notOK = devices.filter { $0.state != "ok" }
    let okCount = devices.count - notOK.count
    addHeading("DEVICES", "\(okCount) of \(devices.count) ok")
    var table = TextTable([.left, .left])
    for device in devices.count > Self.mostRows ? notOK : devices {
      table.append([TextCell(device.name), TextCell(device.state, Self.ink(device: device.state))])
    }
    lines += table.lines(terminal)
  }

  private static func ink(device state: String) -> Terminal.Ink {
    switch state {
    case "ok": .good
    case "failed": .bad
    default: .doubtful
    }
  }

  private mutating func addPoints() {
    guard !snapshot.points.isEmpty else { return }
    let notGood = snapshot.points.filter { $0.quality != .good }
    let isLong = snapshot.points.count > Self.mostPoints
    let goodCount = snapshot.points.count - notGood.count
    addHeading("POINTS", isLong ? "\(goodCount) of \(snapshot.points.count) good; \"sensors\" lists all" : "")
    var table = PointTable(at: snapshot.now, terminal)
    for point in isLong ? notGood : snapshot.points { table.append(point, named: point.name) }
    lines += table.lines(terminal)
  }

  private mutating func addBooks() {
    addHeading("BOOKS")
    let books = snapshot.accounting
    var table = TextTable([.left, .right])
    func add(_ title: String, _ number: UInt64, isLoss: Bool = false) {
      table.append([
        TextCell(title), TextCell(Quantities.grouped(number), isLoss && number > 0 ? .doubtful : .plain),
      ])
    }
    add("acquired", books.acquired)
    add("ring drops", books.ringDropped, isLoss: true)
    if books.unchanged > 0 { add("unchanged", books.unchanged) }
    if books.suppressed > 0 { add("suppressed", books.suppressed) }
    add("stored", books.stored)
    add("delivered", books.delivered)
    add("queued", books.queued)
    add("evicted", books.evicted, isLoss: true)
    if books.damaged > 0 { add("of which damaged", books.damaged, isLoss: true) }
    if books.thinned > 0 { add("of which thinned", books.thinned) }
    if books.pending > 0 { add("wait for disk", books.pending, isLoss: false) }
    add("quarantined", books.quarantined, isLoss: true)
    lines += table.lines(terminal)
  }

  private mutating func addStore() {
    let store = snapshot.store
    guard store.capacity > 0 else { return }
    let used = UInt64(clamping: store.used)
    let capacity = UInt64(clamping: store.capacity)
    addHeading("STORE", "\(Quantities.size(used)) of \(Quantities.size(capacity))")
    if let fault = store.fault { addLine(fault, .bad) }
    if let oldest = store.oldest {
      addLine("oldest row waits for \(Quantities.age(of: oldest, at: snapshot.now))")
    }
    let written = Quantities.size(store.bytesWritten)
    addLine("\(Quantities.grouped(store.commits)) commits, \(written) written")
  }

  private mutating func addDestinations() {
    guard !snapshot.destinations.isEmpty else { return }
    addHeading("DESTINATIONS")
    var table = TextTable([.left, .left, .right])
    for destination in snapshot.destinations {
      table.append([
        TextCell(destination.name), TextCell(destination.state.rawValue, destination.state.ink),
        TextCell("\(Quantities.grouped(destination.queued)) queued"),
      ])
      let last = destination.lastSuccess.map { "\(Quantities.age(of: $0, at: snapshot.now)) ago" }
      table.appendNote(TextCell("last success: \(last ?? "never")"))
      if let error = destination.lastError { table.appendNote(TextCell("last error: \(error)", .faint)) }
      if let notice = destination.certificateNotice { table.appendNote(TextCell(notice, .doubtful)) }
      if let retry = destination.retryIn {
        table.appendNote(TextCell("next try in \(Quantities.age(retry))"))
      }
    }
    lines += table.lines(terminal)
  }
}

extension StatusSnapshot.State {
  var ink: Terminal.Ink {
    switch self {
    case .ok: .good
    case .warning: .doubtful
    case .critical: .bad
    }
  }

  /// What `gatewayctl status` exits with, as monitoring plugins do; 3 is for no answer.
  package var exitCode: Int32 {
    switch self {
    case .ok: 0
    case .warning: 1
    case .critical: 2
    }
  }
}

extension StatusSnapshot {
  /// The contract's promise, checked by whoever is told the numbers.
  fileprivate var booksBalance: Bool {
    let books = accounting
    var sum: UInt64 = 0
    for part in [books.delivered, books.queued, books.evicted, books.quarantined] { sum &+= part }
    return sum == books.stored
  }
}
