internal import GatewayCore

/// What an attribute was at one time: a value, or several parts of one. The values lie in the caller's buffer.
struct AttributeInstance {
  struct Status {
    var quality: Quality
    var reason: StaticString
    var time: TimeQuality
    /// See `Row.timeError`.
    var timeError: Duration?
  }

  /// A value, or one part of it.
  struct Piece {
    var part: String?
    /// Its place in the buffer.
    var text: Range<Int>
    var unit: String?
    var status: Status
  }

  let time: Timestamp
  var pieces: [Piece] = []

  init(time: Timestamp) { self.time = time }

  /// Whether this is another part of the same value.
  func admits(part: String?, at time: Timestamp) -> Bool {
    part != nil && self.time == time && !pieces.contains { $0.part == part }
  }

  /// `{"type":"Property","value":…}`, with the parts of the same time that went before.
  func append(_ values: [UInt8], after sent: SentParts?, to buffer: inout ByteBuffer) {
    guard let first = pieces.first else { return }
    buffer.append("{\"type\":\"Property\",\"value\":")
    if first.part == nil {
      values[first.text].withUnsafeBytes { buffer.append($0) }
    } else {
      append(parts(values, after: sent), to: &buffer)
    }
    if let unit = first.unit {
      buffer.append(",\"unitCode\":")
      JSONWriter.append(string: unit, to: &buffer)
    }
    buffer.append(",\"observedAt\":\"")
    time.append(to: &buffer)
    buffer.append("\"")
    append(worst, to: &buffer)
    buffer.append("}")
  }

  private func append(_ parts: [SentParts.Part], to buffer: inout ByteBuffer) {
    var separator: StaticString = "{"
    for part in parts {
      buffer.append(separator)
      separator = ","
      JSONWriter.append(string: part.name, to: &buffer)
      buffer.append(":")
      part.text.withUnsafeBytes { buffer.append($0) }
    }
    buffer.append("}")
  }

  /// What is to be remembered of it when it went out; nil for a value that has no parts.
  func sent(_ values: [UInt8], after sent: SentParts?) -> SentParts? {
    pieces.first?.part == nil ? nil : SentParts(time: time, parts: parts(values, after: sent))
  }

  private func parts(_ values: [UInt8], after sent: SentParts?) -> [SentParts.Part] {
    let own = pieces.map { SentParts.Part(name: $0.part ?? "", text: Array(values[$0.text])) }
    guard let sent, sent.time == time else { return own }
    return sent.parts.filter { old in !own.contains { $0.name == old.name } } + own
  }

  private var worst: Status {
    var worst = pieces[0].status
    for status in pieces.dropFirst().map(\.status) {
      if status.quality.rawValue > worst.quality.rawValue {
        (worst.quality, worst.reason) = (status.quality, status.reason)
      }
      if status.time != .synced { (worst.time, worst.timeError) = (status.time, status.timeError) }
    }
    return worst
  }

  private func append(_ status: Status, to buffer: inout ByteBuffer) {
    func put(_ name: StaticString, _ word: StaticString) {
      buffer.append(",\"")
      buffer.append(name)
      buffer.append("\":{\"type\":\"Property\",\"value\":\"")
      buffer.append(word)
      buffer.append("\"}")
    }
    put("quality", status.quality.word)
    if status.quality != .good { put("reason", status.reason) }
    if status.time != .synced { put("timeQuality", status.time.word) }
    if let error = status.timeError {
      buffer.append(",\"timeError\":{\"type\":\"Property\",\"value\":")
      JSONWriter.append(double: error.seconds, to: &buffer)
      buffer.append(",\"unitCode\":\"SEC\"}")
    }
  }
}

/// The parts of a value of several parts that went out: rows of one time may be cut apart between requests, and a later
/// one would take the earlier's parts away.
struct SentParts {
  struct Part {
    var name: String
    var text: [UInt8]
  }

  var time: Timestamp
  var parts: [Part]
}
