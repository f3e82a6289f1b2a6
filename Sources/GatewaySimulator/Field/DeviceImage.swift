internal import GatewayCore

/// One device's registers as they stand now. Moving values are brought up to date when a request comes, at most
/// every 10 ms; answering copies words and allocates nothing.
final class DeviceImage {
  /// From the lowest to the highest defined address of one table.
  private struct Table {
    var first = 0
    var words: [UInt16] = []
    /// nil where gaps read as 0.
    var isDefined: [Bool]?
  }

  private struct Moving {
    var table: RegisterTable
    /// In the table's `words`.
    var place: Int
    var count: Int
    var wave: Waveform
    var layout: RegisterLayout
    var seed: UInt64
  }

  private static let refresh = Duration.milliseconds(10)

  let delay: Duration
  /// What the device says of itself: the basic objects of function 43/14, in their order.
  let identity: [[UInt8]]
  private var tables: [Table]
  private var moving: [Moving] = []
  /// Where the number of requests stands.
  private var counters: [(table: Int, place: Int)] = []
  private(set) var requests: UInt32 = 0
  private var dueAt: BootTime
  private let start: BootTime

  init(_ device: FieldDevice, seed: UInt64, start: BootTime) {
    delay = device.delay
    identity = device.identity.map { Array($0.utf8) }
    self.start = start
    dueAt = start
    tables = RegisterTable.allCases.map { table in
      Self.outline(device.registers.filter { $0.table == table }, refusesGaps: device.refusesGaps)
    }
    for (number, register) in device.registers.enumerated() {
      place(register, seed: SplitMix.mix(seed &+ UInt64(number)))
    }
  }

  private static func outline(_ registers: [FieldRegister], refusesGaps: Bool) -> Table {
    var table = Table()
    guard let first = registers.map({ Int($0.address) }).min(),
      let end = registers.map({ Int($0.address) + $0.count }).max()
    else { return table }
    table.first = first
    table.words = [UInt16](repeating: 0, count: min(end, 65536) - first)
    if refusesGaps {
      var isDefined = [Bool](repeating: false, count: table.words.count)
      for register in registers {
        for place in Int(register.address)
          - first..<min(Int(register.address) - first + register.count, isDefined.count)
        {
          isDefined[place] = true
        }
      }
      table.isDefined = isDefined
    }
    return table
  }

  private func place(_ register: FieldRegister, seed: UInt64) {
    switch register.content {
    case .words(let words): _ = write(words, at: register.address, in: register.table)
    case .value(let wave, let layout):
      let place = Int(register.address) - tables[Int(register.table.rawValue)].first
      let value = Moving(
        table: register.table, place: place, count: register.count, wave: wave, layout: layout, seed: seed)
      guard place + value.count <= tables[Int(register.table.rawValue)].words.count else { return }
      if wave.isMoving { moving.append(value) }
      update(value, seconds: 0)
    case .requests:
      let table = Int(register.table.rawValue)
      let place = Int(register.address) - tables[table].first
      if place + 2 <= tables[table].words.count { counters.append((table, place)) }
    }
  }

  /// A request has reached the device, whatever comes of it.
  func countRequest() {
    requests &+= 1
    for (table, place) in counters {
      tables[table].words[place] = UInt16(requests >> 16)
      tables[table].words[place + 1] = UInt16(truncatingIfNeeded: requests)
    }
  }

  private func update(_ value: Moving, seconds: Double) {
    let number = value.wave.value(at: seconds, seed: value.seed)
    let table = Int(value.table.rawValue)
    if value.table.isBits {
      tables[table].words[value.place] = number >= 0.5 ? 1 : 0
    } else {
      RegisterEncoder.encode(
        number, value.layout, into: &tables[table].words[value.place..<value.place + value.count])
    }
  }

  /// Brings the moving values up to `now`.
  func refresh(now: BootTime) {
    guard !moving.isEmpty, now >= dueAt else { return }
    dueAt = now.advanced(by: Self.refresh)
    let seconds = start.duration(to: now).seconds
    for value in moving { update(value, seconds: seconds) }
  }

  /// Sets raw words (or bits) where they are defined; false when some are not.
  func write(_ words: [UInt16], at address: UInt16, in table: RegisterTable) -> Bool {
    let place = Int(address) - tables[Int(table.rawValue)].first
    guard place >= 0, place + words.count <= tables[Int(table.rawValue)].words.count else { return false }
    for (offset, word) in words.enumerated() { tables[Int(table.rawValue)].words[place + offset] = word }
    return true
  }

  /// Hands over the words of a range; nil when one of its addresses does not exist.
  func read<Result>(
    _ table: RegisterTable, at address: Int, count: Int, _ body: (UnsafeBufferPointer<UInt16>) -> Result
  ) -> Result? {
    let image = tables[Int(table.rawValue)]
    let place = address - image.first
    guard place >= 0, place + count <= image.words.count else { return nil }
    if let isDefined = image.isDefined, isDefined[place..<place + count].contains(false) { return nil }
    return image.words.withUnsafeBufferPointer {
      body(UnsafeBufferPointer(rebasing: $0[place..<place + count]))
    }
  }
}
