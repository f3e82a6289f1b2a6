// What `gatewayctl bus` shows of one bus: written by the daemon as JSON, read back by `gatewayctl`, which takes
// what it knows and ignores the rest.

package struct BusReport: Equatable, Sendable {
  package struct ErrorCount: Equatable, Sendable {
    /// A `BusErrorKind`'s word, or that of a later version.
    package var kind: String
    package var count: UInt64

    package init(kind: String, count: UInt64) {
      self.kind = kind
      self.count = count
    }
  }

  package struct Frame: Equatable, Sendable {
    package var kind: String
    package var time: Timestamp?
    /// Bytes that the whole frame had; `start` holds the first of them.
    package var length: Int
    package var start: [UInt8]

    package init(kind: String, time: Timestamp?, length: Int, start: [UInt8]) {
      self.kind = kind
      self.time = time
      self.length = length
      self.start = start
    }
  }

  /// What `status` says of it too.
  package var bus: StatusSnapshot.Bus
  package var errorKinds: [ErrorCount]
  package var responses: ResponseTimes
  /// The oldest first.
  package var badFrames: [Frame]

  package init(
    bus: StatusSnapshot.Bus, errorKinds: [ErrorCount], responses: ResponseTimes, badFrames: [Frame]
  ) {
    self.bus = bus
    self.errorKinds = errorKinds
    self.responses = responses
    self.badFrames = badFrames
  }

  package init(bus: StatusSnapshot.Bus, meter: BusMeter) {
    self.init(
      bus: bus, errorKinds: meter.errorCounts.map { ErrorCount(kind: "\($0.kind.word)", count: $0.count) },
      responses: meter.responses,
      badFrames: meter.badFrames.map {
        Frame(kind: "\($0.kind.word)", time: $0.moment.time, length: $0.length, start: $0.start)
      })
  }
}

extension BusReport {
  package func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("bus", to: &buffer) { bus.appendJSON(to: &$0) }
    object.member("errorKinds", errorKinds, to: &buffer) { error, buffer in
      var object = ObjectWriter(&buffer)
      object.member("kind", error.kind, to: &buffer)
      object.member("count", error.count, to: &buffer)
      object.end(&buffer)
    }
    // `upTo` in microseconds; null for what took longer than the last bound.
    object.member("responses", Array(responses.counts.enumerated()), to: &buffer) { bucket, buffer in
      var object = ObjectWriter(&buffer)
      let bounds = ResponseTimes.bounds
      object.member("upTo", to: &buffer) { buffer in
        guard bucket.offset < bounds.count else { return buffer.append("null") }
        JSONWriter.append(integer: bounds[bucket.offset], to: &buffer)
      }
      object.member("count", bucket.element, to: &buffer)
      object.end(&buffer)
    }
    object.member("badFrames", badFrames, to: &buffer) { $0.appendJSON(to: &$1) }
    object.end(&buffer)
  }

  /// nil where there is no bus.
  package init?(json: JSONValue) {
    guard let bus = json["bus"].flatMap(StatusSnapshot.Bus.init(json:)) else { return nil }
    self.init(
      bus: bus,
      errorKinds: json["errorKinds"]?.array?.compactMap { error in
        error["kind"]?.string.map { ErrorCount(kind: $0, count: error.count("count")) }
      } ?? [],
      responses: ResponseTimes(counts: json["responses"]?.array?.map { $0.count("count") } ?? []),
      badFrames: json["badFrames"]?.array?.compactMap(Frame.init(json:)) ?? [])
  }
}

extension BusReport.Frame {
  fileprivate func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("time", time, to: &buffer)
    object.member("kind", kind, to: &buffer)
    object.member("length", UInt64(clamping: length), to: &buffer)
    object.member("start", HexText.of(start), to: &buffer)
    object.end(&buffer)
  }

  fileprivate init?(json: JSONValue) {
    guard let kind = json["kind"]?.string, let start = json["start"]?.string.flatMap(HexText.bytes) else {
      return nil
    }
    self.init(
      kind: kind, time: json["time"]?.timestamp, length: Int(clamping: json.count("length")), start: start)
  }
}
