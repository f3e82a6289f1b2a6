// What `gatewayctl gpio` shows of one chip: written by the daemon as JSON, read back by `gatewayctl`.

package struct ChipReport: Equatable, Sendable {
  package struct Line: Equatable, Sendable {
    package var offset: UInt32
    /// What the board calls it; nil where it has no name.
    package var name: String?
    package var isHeld: Bool
    /// Who holds the line, as the kernel knows it; nil for a free one, and where the holder gave no name.
    package var holder: String?
    package var isOutput: Bool
    package var isActiveLow: Bool
    /// Whether it is active now; nil where it cannot be read without disturbing whoever holds it.
    package var level: Bool?
    /// The gateway's point on this line, and what it last read there.
    package var point: String?
    package var value: Value?

    package init(
      offset: UInt32, name: String? = nil, isHeld: Bool = false, holder: String? = nil,
      isOutput: Bool = false,
      isActiveLow: Bool = false, level: Bool? = nil, point: String? = nil, value: Value? = nil
    ) {
      self.offset = offset
      self.name = name
      self.isHeld = isHeld
      self.holder = holder
      self.isOutput = isOutput
      self.isActiveLow = isActiveLow
      self.level = level
      self.point = point
      self.value = value
    }
  }

  /// `/dev/gpiochip0`
  package var path: String
  package var lines: [Line]

  package init(path: String, lines: [Line]) {
    self.path = path
    self.lines = lines
  }
}

extension ChipReport {
  package func appendJSON(to buffer: inout ByteBuffer) {
    var object = ObjectWriter(&buffer)
    object.member("path", path, to: &buffer)
    object.member("lines", lines, to: &buffer) { line, buffer in
      var object = ObjectWriter(&buffer)
      object.member("offset", UInt64(line.offset), to: &buffer)
      object.member("name", line.name, to: &buffer)
      object.member("held", line.isHeld, to: &buffer)
      object.member("holder", line.holder, to: &buffer)
      object.member("output", line.isOutput, to: &buffer)
      object.member("activeLow", line.isActiveLow, to: &buffer)
      object.member("level", to: &buffer) { $0.append(line.level.map { $0 ? "true" : "false" } ?? "null") }
      object.member("point", line.point, to: &buffer)
      object.member("value", to: &buffer) { buffer in
        if let value = line.value {
          JSONWriter.append(value: value, to: &buffer)
        } else {
          buffer.append("null")
        }
      }
      object.end(&buffer)
    }
    object.end(&buffer)
  }

  /// nil where there is no chip.
  package init?(json: JSONValue) {
    guard let path = json["path"]?.string else { return nil }
    self.init(
      path: path, lines: json["lines"]?.array?.compactMap(Line.init(json:)) ?? [])
  }
}

extension ChipReport.Line {
  fileprivate init?(json: JSONValue) {
    guard let offset = json["offset"]?.unsignedInteger.flatMap(UInt32.init(exactly:)) else { return nil }
    self.init(
      offset: offset, name: json["name"]?.string, isHeld: json["held"]?.bool ?? false,
      holder: json["holder"]?.string, isOutput: json["output"]?.bool ?? false,
      isActiveLow: json["activeLow"]?.bool ?? false, level: json["level"]?.bool, point: json["point"]?.string,
      value: json["value"].flatMap(Value.init(json:)))
  }
}
