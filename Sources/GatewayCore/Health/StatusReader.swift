// Reads the contract's status object back. Promises: never fails on what it does not know; a member that is
// missing or of another type counts as absent, so that an older daemon's status can still be shown.

extension StatusSnapshot {
  /// nil unless the object has a gateway with a state. `fallback` is the present where the daemon did not say.
  package init?(json: JSONValue, now fallback: Timestamp) {
    guard let gateway = json["gateway"], let state = gateway["state"]?.string else { return nil }
    let clock = json["clock"]
    self.init(
      id: gateway["id"]?.string ?? "", version: gateway["version"]?.string ?? "", state: State(word: state),
      reasons: gateway["reasons"]?.array?.compactMap(\.string) ?? [], uptime: gateway["uptime"]?.double ?? 0,
      pid: Int32(clamping: gateway["pid"]?.integer ?? 0),
      clockIsSynchronized: clock?["synchronized"]?.bool ?? false, now: clock?["now"]?.timestamp ?? fallback,
      buses: json["buses"]?.array?.compactMap(Bus.init(json:)) ?? [],
      devices: json["devices"]?.array?.compactMap(Device.init(json:)) ?? [],
      points: json["points"]?.array?.compactMap { Point(json: $0) } ?? [],
      accounting: Accounting(json: json["accounting"] ?? .null),
      store: Store(json: json["store"] ?? .null),
      destinations: json["destinations"]?.array?.compactMap(Destination.init(json:)) ?? [],
      alarms: json["alarms"]?.array?.compactMap(AlarmReport.init(json:)) ?? [])
    clockChanges = ClockChanges(
      steps: clock?["steps"]?.unsignedInteger ?? 0, lastStep: clock?["lastStep"]?.double,
      lastStepAt: clock?["lastStepAt"]?.timestamp)
  }
}

extension StatusSnapshot.State {
  /// A word of a later version is at least worth a look.
  init(word: String) { self = Self(rawValue: word) ?? .warning }
}

extension StatusSnapshot.Bus {
  init?(json: JSONValue) {
    guard let name = json["name"]?.string else { return nil }
    self.init(
      name: name, type: json["type"]?.string ?? "", state: .init(word: json["state"]?.string ?? ""),
      requests: json.count("requests"), errors: json.count("errors"), lastError: json["lastError"]?.string,
      utilisation: json["utilisation"]?.double, planned: json["planned"]?.double)
  }
}

extension StatusSnapshot.Device {
  fileprivate init?(json: JSONValue) {
    guard let name = json["name"]?.string else { return nil }
    self.init(name: name, state: json["state"]?.string ?? "")
  }
}

extension StatusSnapshot.Point {
  /// nil without a name, which stands in the member `nameKey`.
  package init?(json: JSONValue, nameKey: String = "name") {
    guard let name = json[nameKey]?.string else { return nil }
    self.init(
      name: name, value: json["value"].flatMap(Value.init(json:)), unit: json["unit"]?.string,
      time: json["time"]?.timestamp,
      quality: Quality.allCases.first { "\($0.word)" == json["quality"]?.string } ?? .uncertain,
      reason: QualityReason.allCases.first { "\($0.word)" == json["reason"]?.string } ?? .none)
  }
}

extension Value {
  package init?(json: JSONValue) {
    switch json {
    case .signed(let number): self = .signed(number)
    case .unsigned(let number): self = .unsigned(number)
    case .double(let number): self = .double(number)
    default: return nil
    }
  }
}

extension StatusSnapshot.Accounting {
  fileprivate init(json: JSONValue) {
    self.init()
    acquired = json.count("acquired")
    ringDropped = json.count("ringDropped")
    unchanged = json.count("unchanged")
    suppressed = json.count("suppressed")
    stored = json.count("stored")
    delivered = json.count("delivered")
    queued = json.count("queued")
    evicted = json.count("evicted")
    damaged = json.count("damaged")
    thinned = json.count("thinned")
    pending = json.count("pending")
    quarantined = json.count("quarantined")
  }
}

extension StatusSnapshot.Store {
  fileprivate init(json: JSONValue) {
    self.init(
      capacity: Int(clamping: json.count("capacity")), used: Int(clamping: json.count("used")),
      oldest: json["oldest"]?.timestamp, commits: json.count("commits"),
      bytesWritten: json.count("bytesWritten"), fault: json["fault"]?.string,
      slotsSetAside: Int(clamping: json.count("slotsSetAside")))
  }
}

extension StatusSnapshot.Destination {
  fileprivate init?(json: JSONValue) {
    guard let name = json["name"]?.string else { return nil }
    self.init(
      name: name, state: .init(word: json["state"]?.string ?? ""), stored: json.count("stored"),
      delivered: json.count("delivered"), queued: json.count("queued"), evicted: json.count("evicted"),
      quarantined: json.count("quarantined"), lastSuccess: json["lastSuccess"]?.timestamp,
      lastError: json["lastError"]?.string, retryIn: json["retryIn"]?.double,
      certificateExpires: json["certificateExpires"]?.timestamp,
      certificateNotice: json["certificateNotice"]?.string)
  }
}

extension JSONValue {
  func count(_ key: String) -> UInt64 { self[key]?.unsignedInteger ?? 0 }

  package var timestamp: Timestamp? { string.flatMap(Timestamp.init(statusText:)) }
}

extension Timestamp {
  /// Reads the one form that the gateway writes, `2026-11-22T21:00:00.000Z`; nil for anything else.
  fileprivate init?(statusText text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 24, bytes[23] == UInt8(ascii: "Z") else { return nil }
    for (offset, mark) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"), (19, ".")] {
      guard bytes[offset] == mark.utf8.first else { return nil }
    }
    func number(_ range: Range<Int>) -> Int64? {
      guard bytes[range].allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
      return bytes[range].reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      let millisecond = number(20..<23), (1...12).contains(month), (1...31).contains(day)
    else { return nil }
    let seconds = Self.days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second
    self.init(microseconds: (seconds * 1000 + millisecond) * 1000)
  }

  /// Days since 1970 in the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date
  /// algorithms", days_from_civil).
  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = (year >= 0 ? year : year - 399) / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
