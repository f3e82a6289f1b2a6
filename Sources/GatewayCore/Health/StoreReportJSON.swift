// The reply of `org.citygateway.Store`: what is known as numbers, what follows from it beside them, so that
// nobody has to know the formulas.

extension StoreReport {
  package func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("capacity", UInt64(clamping: capacity), to: &buffer)
    object.member("used", UInt64(clamping: used), to: &buffer)
    object.member("oldest", oldest, to: &buffer)
    object.member("now", now, to: &buffer)
    object.member("commits", commits, to: &buffer)
    object.member("bytesWritten", bytesWritten, to: &buffer)
    object.member("fault", fault, to: &buffer)
    object.member("segments", to: &buffer) { segments.appendJSON(to: &$0) }
    object.member("destinations", destinations, to: &buffer) { $0.appendJSON(to: &$1) }
    object.member("rate", to: &buffer) { rate.appendJSON(to: &$0) }
    object.member("full", to: &buffer) { full.appendJSON(to: &$0) }
    object.member("fullWithoutDelivery", to: &buffer) { fullWithoutDelivery.appendJSON(to: &$0) }
    object.member("flash", to: &buffer) { appendFlash(to: &$0) }
    object.member("alarms", to: &buffer) { buffer in
      if let alarms { alarms.appendJSON(to: &buffer) } else { buffer.append("null") }
    }
    object.end(&buffer)
  }

  private func appendFlash(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("capacity", to: &buffer) { $0.append(number: budget?.capacity) }
    object.member("cycles", to: &buffer) { $0.append(number: budget?.cycles) }
    object.member("writeAmplification", seconds: Self.writeAmplification, to: &buffer)
    object.member("years", seconds: years, to: &buffer)
    object.member("device", life?.device, to: &buffer)
    object.member("usedTenths", to: &buffer) { $0.append(number: life?.usedTenths.map(Int.init)) }
    object.member("preEndOfLife", to: &buffer) { $0.append(number: life?.preEndOfLife.map(Int.init)) }
    object.member("commitInterval", seconds: commitInterval, to: &buffer)
    object.end(&buffer)
  }

  /// nil where there is no store.
  package init?(json: JSONValue) {
    guard let segments = json["segments"], let now = json["now"]?.timestamp else { return nil }
    let flash = json["flash"] ?? .null
    self.init(
      capacity: json.size("capacity") ?? 0, used: json.size("used") ?? 0, oldest: json["oldest"]?.timestamp,
      now: now, commits: json.count("commits"), bytesWritten: json.count("bytesWritten"),
      fault: json["fault"]?.string, segments: Segments(json: segments),
      destinations: json["destinations"]?.array?.compactMap(Destination.init(json:)) ?? [],
      rate: Rate(json: json["rate"] ?? .null), budget: FlashConfig(json: flash), life: FlashLife(json: flash),
      commitInterval: flash["commitInterval"]?.double ?? 0)
    alarms = json["alarms"].flatMap(Alarms.init(json:))
  }
}

extension StoreReport.Alarms {
  fileprivate func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("capacity", UInt64(clamping: capacity), to: &buffer)
    object.member("used", UInt64(clamping: used), to: &buffer)
    object.member("queued", queued, to: &buffer)
    object.member("oldest", oldest, to: &buffer)
    object.end(&buffer)
  }

  fileprivate init?(json: JSONValue) {
    guard let capacity = json.size("capacity") else { return nil }
    self.init(
      capacity: capacity, used: json.size("used") ?? 0, queued: json.count("queued"),
      oldest: json["oldest"]?.timestamp)
  }
}

extension StoreReport.Segments {
  fileprivate func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("slotBytes", UInt64(clamping: slotBytes), to: &buffer)
    object.member("total", UInt64(clamping: total), to: &buffer)
    object.member("used", UInt64(clamping: used), to: &buffer)
    object.member("free", UInt64(clamping: free), to: &buffer)
    object.member("failed", UInt64(clamping: failed), to: &buffer)
    object.end(&buffer)
  }

  fileprivate init(json: JSONValue) {
    self.init(
      slotBytes: json.size("slotBytes") ?? 0, total: json.size("total") ?? 0, used: json.size("used") ?? 0,
      free: json.size("free") ?? 0, failed: json.size("failed") ?? 0)
  }
}

extension StoreReport.Destination {
  fileprivate func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("name", name, to: &buffer)
    object.member("queued", queued, to: &buffer)
    object.member("oldest", oldest, to: &buffer)
    object.member("runs", runs, to: &buffer) { run, buffer in
      var object = ObjectWriter(&buffer)
      object.member("first", run.lowerBound, to: &buffer)
      object.member("last", run.upperBound, to: &buffer)
      object.end(&buffer)
    }
    object.end(&buffer)
  }

  fileprivate init?(json: JSONValue) {
    guard let name = json["name"]?.string else { return nil }
    let runs = json["runs"]?.array?.compactMap { run -> ClosedRange<UInt64>? in
      guard let first = run["first"]?.unsignedInteger, let last = run["last"]?.unsignedInteger, first <= last
      else { return nil }
      return first...last
    }
    self.init(
      name: name, queued: json.count("queued"), oldest: json["oldest"]?.timestamp, runs: runs ?? [])
  }
}

extension StoreReport.Rate {
  fileprivate func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("measured", seconds: measured, to: &buffer)
    object.member("writtenPerDay", seconds: writtenPerDay, to: &buffer)
    object.member("rowsPerDay", seconds: rowsPerDay, to: &buffer)
    object.member("growthPerDay", seconds: growthPerDay, to: &buffer)
    object.end(&buffer)
  }

  fileprivate init(json: JSONValue) {
    self.init(
      measured: json["measured"]?.double ?? 0, writtenPerDay: json["writtenPerDay"]?.double,
      rowsPerDay: json["rowsPerDay"]?.double, growthPerDay: json["growthPerDay"]?.double)
  }
}

extension StoreReport.Forecast {
  fileprivate func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    let word: String
    var seconds: Double?
    switch self {
    case .unknown: word = "unknown"
    case .never: word = "never"
    case .after(let time): (word, seconds) = ("after", time)
    }
    object.member("when", word, to: &buffer)
    object.member("seconds", seconds: seconds, to: &buffer)
    object.end(&buffer)
  }
}

extension FlashConfig {
  fileprivate init?(json: JSONValue) {
    guard let capacity = json.size("capacity"), let cycles = json.size("cycles") else { return nil }
    self.init(capacity: capacity, cycles: cycles)
  }
}

extension FlashLife {
  fileprivate init?(json: JSONValue) {
    guard let device = json["device"]?.string else { return nil }
    self.init(
      device: device, usedTenths: json["usedTenths"]?.unsignedInteger.flatMap(UInt8.init(exactly:)),
      preEndOfLife: json["preEndOfLife"]?.unsignedInteger.flatMap(UInt8.init(exactly:)))
  }
}

extension JSONValue {
  fileprivate func size(_ key: String) -> Int? { self[key]?.unsignedInteger.map { Int(clamping: $0) } }
}

extension ByteBuffer {
  /// A count, or null.
  fileprivate mutating func append(number: Int?) {
    guard let number else { return append("null") }
    JSONWriter.append(integer: Int64(number), to: &self)
  }
}
