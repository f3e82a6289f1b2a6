/// Where frames begin and end, for each shape.

// MARK: Lines

extension FrameDecoder {
  /// Empty lines are no frames and no noise.
  mutating func nextLine(_ delimiter: [UInt8]) -> Event? {
    while let place = findDelimiter(delimiter) {
      let (line, rest) = (start..<place, place + delimiter.count)
      if isSkipping || line.count > Self.longestFrame {
        if !isSkipping { countOverflow() }
        isSkipping = false
        skip(to: rest)
        continue
      }
      let content = withoutLineEnds(line)
      if !content.isEmpty { return take(content, upTo: rest) }
      (start, scanned) = (rest, rest)
    }
    // What lies before `scanned` belongs to the line whatever comes.
    if scanned - start > Self.longestFrame, !isSkipping {
      countOverflow()
      isSkipping = true
    }
    if isSkipping { skip(to: scanned) }
    return nil
  }

  /// The place of the next delimiter; without one, `scanned` is left where it could begin.
  private mutating func findDelimiter(_ delimiter: [UInt8]) -> Int? {
    var place = scanned
    while place + delimiter.count <= end {
      if buffer[place] == delimiter[0],
        buffer[place..<place + delimiter.count].elementsEqual(delimiter)
      {
        return place
      }
      place += 1
    }
    scanned = max(scanned, place)
    return nil
  }

  /// CR and LF at both ends, so that a delimiter of one of them does for devices that send both.
  private func withoutLineEnds(_ line: Range<Int>) -> Range<Int> {
    func isLineEnd(_ place: Int) -> Bool { buffer[place] == 0x0D || buffer[place] == 0x0A }
    var line = line
    while let first = line.first, isLineEnd(first) { line = first + 1..<line.upperBound }
    while let last = line.last, isLineEnd(last) { line = line.lowerBound..<last }
    return line
  }
}

// MARK: NMEA 0183

extension FrameDecoder {
  /// `$`, `!` and `*` are reserved, and so never stand within a sentence (NMEA 0183, section 5.1): each `$` begins
  /// a new one, and no sentence is lost in a broken one.
  mutating func nextSentence(needsChecksum: Bool) -> Event? {
    while true {
      passLineEnds()
      guard let begin = (start..<end).first(where: { Self.beginsSentence(buffer[$0]) }) else {
        skip(to: end)
        return nil
      }
      skip(to: begin)
      scanned = max(scanned, begin + 1)
      guard let close = (scanned..<end).first(where: { Self.closesSentence(buffer[$0]) }) else {
        scanned = end
        guard end - begin > Self.longestFrame else { return nil }
        countOverflow()
        skip(to: end)
        return nil
      }
      scanned = close
      if close - begin > Self.longestFrame {
        countOverflow()
        skip(to: close)
        continue
      }
      if let event = sentence(close, needsChecksum) { return event }
      if start == begin { return nil }
    }
  }

  /// The CR and LF behind a sentence belong to it; it was taken without waiting for them.
  private mutating func passLineEnds() {
    while start < end, buffer[start] == 0x0D || buffer[start] == 0x0A { start += 1 }
    scanned = max(scanned, start)
  }

  /// Judges the sentence from `start` to the byte that closes it; nil where it is none, then `start` moved on, or
  /// where the checksum is still to come.
  private mutating func sentence(_ close: Int, _ needsChecksum: Bool) -> Event? {
    let body = start + 1..<close
    switch buffer[close] {
    case UInt8(ascii: "*"):
      guard close + 2 < end else { return nil }
      let stated = hexadecimal(close + 1)
      if let stated, stated == buffer[body].reduce(0, ^) { return take(body, upTo: close + 3) }
      // The next sentence may begin where the checksum should stand.
      return refuse(upTo: close + 3, resume: close + 1)
    case 0x0D, 0x0A:
      if !needsChecksum, !body.isEmpty { return take(body, upTo: close + 1) }
      return refuse(upTo: close, resume: close + 1)
    default:
      skip(to: Self.beginsSentence(buffer[close]) ? close : close + 1)
      return nil
    }
  }

  private static func beginsSentence(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "$") || byte == UInt8(ascii: "!")
  }

  /// Ends a sentence, one way or the other.
  private static func closesSentence(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "*") || beginsSentence(byte) || byte < 0x20 || byte > 0x7E
  }

  private func hexadecimal(_ place: Int) -> UInt8? {
    guard let high = Character(Unicode.Scalar(buffer[place])).hexDigitValue,
      let low = Character(Unicode.Scalar(buffer[place + 1])).hexDigitValue
    else { return nil }
    return UInt8(high << 4 | low)
  }
}

// MARK: Binary frames

extension FrameDecoder {
  private enum Candidate {
    case good(end: Int)
    case wrongChecksum(end: Int)
    case none
    case incomplete
  }

  mutating func nextBinary(_ frame: BinaryFrame) -> Event? {
    while start < end {
      switch candidate(frame) {
      case .good(let place): return take(start..<place, upTo: place)
      case .wrongChecksum(let place): return refuse(upTo: place, resume: start + 1)
      case .none: skip(to: start + 1)
      case .incomplete:
        guard isEnded else { return nil }
        skip(to: start + 1)
      }
    }
    return nil
  }

  /// What begins at `start`.
  private func candidate(_ frame: BinaryFrame) -> Candidate {
    let here = buffer[start..<end]
    guard here.prefix(frame.start.count).elementsEqual(frame.start.prefix(here.count)) else { return .none }
    guard here.count >= frame.start.count else { return .incomplete }
    let length: Int
    switch frame.length {
    case .fixed(let bytes): length = bytes
    case .stated(let place, let bytes, let isLittleEndian, let add, let most):
      guard here.count >= place + bytes else { return .incomplete }
      length = Int(number(start + place, bytes, isLittleEndian)) + add
      guard length >= max(frame.start.count + frame.trailer, place + bytes), length <= most else {
        return .none
      }
    }
    guard here.count >= length else { return .incomplete }
    let stop = start + length
    guard buffer[stop - frame.end.count..<stop].elementsEqual(frame.end) else { return .none }
    return isRight(frame, upTo: stop - frame.end.count) ? .good(end: stop) : .wrongChecksum(end: stop)
  }

  /// `stop` is where the checksum ends.
  private func isRight(_ frame: BinaryFrame, upTo stop: Int) -> Bool {
    guard let checksum = frame.checksum else { return true }
    let place = stop - checksum.kind.bytes
    let last = checksum.last.map { start + $0 + 1 } ?? place
    let first = start + checksum.first
    guard first <= last, last <= place else { return false }
    return number(place, checksum.kind.bytes, checksum.isLittleEndian)
      == checksum.kind.of(buffer[first..<last])
  }

  private func number(_ place: Int, _ bytes: Int, _ isLittleEndian: Bool) -> UInt16 {
    guard bytes == 2 else { return UInt16(buffer[place]) }
    let (one, other) = (UInt16(buffer[place]), UInt16(buffer[place + 1]))
    return isLittleEndian ? other << 8 | one : one << 8 | other
  }
}
