// The contract's `gatewayctl status --json`: written by the daemon, read back by `gatewayctl`. The order of the
// keys is the contract's; its extensions (`alarms`, `now`, `steps`, `lastStep`, `lastStepAt`, `reason`, `damaged`, `thinned`,
// `unchanged`, `suppressed`, `fault`, the books of each destination,
// `retryIn`, a bus's `utilisation` and `planned`) stand behind its own keys. The reader takes what it knows and ignores the rest, so that programs of
// different versions understand each other.

extension StatusSnapshot {
  package var json: [UInt8] {
    var buffer = ByteBuffer()
    appendJSON(to: &buffer)
    return buffer.copyBytes()
  }

  package func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("gateway", to: &buffer) { appendGateway(to: &$0) }
    object.member("clock", to: &buffer) { buffer in
      var clock = ObjectWriter(&buffer)
      clock.member("synchronized", clockIsSynchronized, to: &buffer)
      clock.member("now", now, to: &buffer)
      clock.member("steps", clockChanges.steps, to: &buffer)
      clock.member("lastStep", seconds: clockChanges.lastStep, to: &buffer)
      clock.member("lastStepAt", clockChanges.lastStepAt, to: &buffer)
      clock.end(&buffer)
    }
    object.member("buses", buses, to: &buffer) { $0.appendJSON(to: &$1) }
    object.member("devices", devices, to: &buffer) { $0.appendJSON(to: &$1) }
    object.member("points", points, to: &buffer) { $0.appendJSON(to: &$1) }
    object.member("accounting", to: &buffer) { accounting.appendJSON(to: &$0) }
    object.member("store", to: &buffer) { store.appendJSON(to: &$0) }
    object.member("destinations", destinations, to: &buffer) { $0.appendJSON(to: &$1) }
    object.member("alarms", alarms, to: &buffer) { $0.appendJSON(to: &$1) }
    object.end(&buffer)
  }

  private func appendGateway(to buffer: inout ByteBuffer) {
    var gateway = ObjectWriter(&buffer)
    gateway.member("id", id, to: &buffer)
    gateway.member("version", version, to: &buffer)
    gateway.member("state", state.rawValue, to: &buffer)
    gateway.member("reasons", reasons, to: &buffer) { JSONWriter.append(string: $0, to: &$1) }
    gateway.member("uptime", seconds: uptime, to: &buffer)
    gateway.member("pid", UInt64(clamping: pid), to: &buffer)
    gateway.end(&buffer)
  }
}

extension StatusSnapshot.Bus {
  func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("name", name, to: &buffer)
    object.member("type", type, to: &buffer)
    object.member("state", state.rawValue, to: &buffer)
    object.member("requests", requests, to: &buffer)
    object.member("errors", errors, to: &buffer)
    object.member("lastError", lastError, to: &buffer)
    object.member("utilisation", share: utilisation, to: &buffer)
    object.member("planned", share: planned, to: &buffer)
    object.end(&buffer)
  }
}

extension StatusSnapshot.Device {
  fileprivate func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("name", name, to: &buffer)
    object.member("state", state, to: &buffer)
    object.end(&buffer)
  }
}

extension StatusSnapshot.Point {
  /// `nameKey` is what the member with the point's name is called.
  package func appendJSON(nameKey: StaticString = "name", to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member(nameKey, name, to: &buffer)
    object.member("value", to: &buffer) { buffer in
      if let value { JSONWriter.append(value: value, to: &buffer) } else { buffer.append("null") }
    }
    object.member("unit", unit, to: &buffer)
    object.member("time", time, to: &buffer)
    object.member("quality", "\(quality.word)", to: &buffer)
    if quality != .good, reason != .none { object.member("reason", "\(reason.word)", to: &buffer) }
    object.end(&buffer)
  }
}

extension StatusSnapshot.Accounting {
  fileprivate func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("acquired", acquired, to: &buffer)
    object.member("ringDropped", ringDropped, to: &buffer)
    object.member("stored", stored, to: &buffer)
    object.member("delivered", delivered, to: &buffer)
    object.member("queued", queued, to: &buffer)
    object.member("evicted", evicted, to: &buffer)
    object.member("quarantined", quarantined, to: &buffer)
    object.member("damaged", damaged, to: &buffer)
    object.member("thinned", thinned, to: &buffer)
    object.member("pending", pending, to: &buffer)
    object.member("unchanged", unchanged, to: &buffer)
    object.member("suppressed", suppressed, to: &buffer)
    object.end(&buffer)
  }
}

extension StatusSnapshot.Store {
  fileprivate func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("capacity", UInt64(clamping: capacity), to: &buffer)
    object.member("used", UInt64(clamping: used), to: &buffer)
    object.member("oldest", oldest, to: &buffer)
    object.member("commits", commits, to: &buffer)
    object.member("bytesWritten", bytesWritten, to: &buffer)
    object.member("fault", fault, to: &buffer)
    object.member("slotsSetAside", UInt64(clamping: slotsSetAside), to: &buffer)
    object.end(&buffer)
  }
}

extension StatusSnapshot.Destination {
  fileprivate func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("name", name, to: &buffer)
    object.member("state", state.rawValue, to: &buffer)
    object.member("delivered", delivered, to: &buffer)
    object.member("queued", queued, to: &buffer)
    object.member("quarantined", quarantined, to: &buffer)
    object.member("lastSuccess", lastSuccess, to: &buffer)
    object.member("lastError", lastError, to: &buffer)
    object.member("stored", stored, to: &buffer)
    object.member("evicted", evicted, to: &buffer)
    object.member("retryIn", seconds: retryIn, to: &buffer)
    object.member("certificateExpires", certificateExpires, to: &buffer)
    object.member("certificateNotice", certificateNotice, to: &buffer)
    object.end(&buffer)
  }
}
