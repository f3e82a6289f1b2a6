/// What a point on a serial bus may say.
struct FrameFieldCheck {
  /// nil where the frame could not be read; then nothing is held against the point.
  let frame: FrameCheck.Checked?
  let log: ProblemLog

  func field(_ keys: inout MappingReader) -> FrameField {
    guard let frame else {
      for key in [
        "field", "byte", "type", "order", "bit", "bits", "scale", "offset", "invalid", "suffix", "map",
        "valid", "sentence",
        "prefix", "request",
      ] { _ = keys.take(key) }
      return FrameField(place: .text(.index(1)))
    }
    var field =
      frame.type == .binary ? bytes(&keys, frame.config) : text(&keys, frame)
    field.request = request(&keys, frame)
    return field
  }

  private func text(_ keys: inout MappingReader, _ frame: FrameCheck.Checked) -> FrameField {
    let check = FrameCheck(log: log)
    let place = check.textPlace(&keys, frame.config.text) ?? .index(1)
    keys.refuse("byte", "\"byte\" is for binary frames; a text has a \"field\"")
    keys.refuse("type", "\"type\" is for binary frames; a field is the number that stands there")
    var field = FrameField(place: .text(place), selector: selector(&keys, frame))
    field.validity = check.validity(&keys, frame.config.text) ?? frame.validity
    field.words = words(&keys)
    if field.words.isEmpty {
      field.suffix = keys.optional("suffix", .ascii(1...16)) ?? []
      field.scale = keys.scale()
    } else {
      for key in ["suffix", "scale", "offset"] {
        keys.refuse(key, "\(quoted(key)) does not go with \"map\", which says the value itself")
      }
    }
    return field
  }

  private func selector(_ keys: inout MappingReader, _ frame: FrameCheck.Checked) -> [UInt8] {
    guard frame.type == .nmea else {
      return keys.optional("prefix", .ascii(1...64)) ?? frame.selector
    }
    let node = keys.take("sentence")
    if let node { return keys.read(node, "sentence", .sentence) ?? [] }
    if frame.selector.isEmpty {
      log.add(keys.node, "\(keys.noun) needs the key \"sentence\" where \"frame\" has none")
    }
    return frame.selector
  }

  /// Texts that mean a number.
  private func words(_ keys: inout MappingReader) -> [FrameWord] {
    guard let node = keys.take("map") else { return [] }
    guard case .mapping(let pairs) = node.content, !pairs.isEmpty else {
      log.add(node, "\"map\" should be a mapping such as {OPEN: 1, CLOSED: 0}, not \(node.summary)")
      return []
    }
    return pairs.compactMap { key, value in
      guard let text = keys.read(key, "map", .ascii(1...64)),
        let number = keys.read(value, "map", .decimal())
      else { return nil }
      if number.exponent == 0, let whole = number.significand {
        return FrameWord(text: text, value: .signed(whole))
      }
      return FrameWord(text: text, value: .double(number.value))
    }
  }

  private func bytes(_ keys: inout MappingReader, _ config: FrameConfig) -> FrameField {
    let node = keys.require("byte")
    let first = node.flatMap { keys.read($0, "byte", .integer(0...FrameDecoder.longestFrame - 1)) }
    keys.refuse("field", "\"field\" is for frames of text; a binary frame has a \"byte\", counted from 0")
    var layout =
      LayoutCheck(table: nil, log: log, isFrame: true).layout(&keys) ?? RegisterLayout(type: .uint8)
    let isOneByte = [.bool, .int8, .uint8].contains(layout.type)
    let width = isOneByte ? 1 : layout.type.registers * 2
    // The decoder knows bit fields of words; a byte is the low half of one.
    if layout.type == .uint8, layout.bitCount > 0 { layout.type = .uint16 }
    if let node, let first { checkPlace(first..<first + width, config, node) }
    return FrameField(place: .bytes(FrameBytes(first: first ?? 0, width: width, layout: layout)))
  }

  private func checkPlace(_ bytes: Range<Int>, _ config: FrameConfig, _ node: ConfigNode) {
    guard case .binary(let frame) = config.shape, case .fixed(let length) = frame.length else { return }
    let (last, trailer) = (bytes.upperBound - 1, length - frame.trailer)
    if last >= length {
      log.add(node, "the value would end at byte \(last); the last one of the frame is \(length - 1)")
    } else if last >= trailer, trailer > 0 {
      log.add(
        node, "the value would end at byte \(last); from byte \(trailer) on stand the checksum and the end")
    }
  }

  private func request(_ keys: inout MappingReader, _ frame: FrameCheck.Checked) -> [UInt8] {
    switch frame.type {
    case .line, .nmea:
      keys.refuse("request", "\"request\" is for frames of the types ascii and binary")
      return []
    case .ascii:
      let request = keys.optional("request", .ascii(1...255)) ?? frame.request
      if request.isEmpty {
        log.add(keys.node, "\(keys.noun) needs the key \"request\" where \"frame\" has none")
      }
      return request
    case .binary:
      // Else some points of the device would be asked for and others wait.
      if frame.request.isEmpty {
        keys.refuse("request", "a point has a \"request\" of its own only where \"frame\" has one too")
        return []
      }
      return keys.optional("request", .hexadecimal(1...255)) ?? frame.request
    }
  }
}
