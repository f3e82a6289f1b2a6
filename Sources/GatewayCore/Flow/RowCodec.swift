/// How rows and readings lie in a commit's payload. Stated here once and pinned by `RowCodecTests`.
///
/// Each row begins with a tag byte: bit 0 set for a window; bit 1 `sameTime`: both clocks as in the row before;
/// bit 2 `nextPoint`: the point behind the row before's; bit 3 `plain`: good, no reason, synced; bits 4-7 the
/// code of its number (for a window: bit 4 `partial`, bit 5 `extras`, the rest 0). Then, where the bits do not say it
/// already:
///   time       zigzag varint, microseconds since the row before (the first row: since 1970), and zigzag varint,
///              the change of time - boot: 0 while the clock does not step, so both clocks cost one byte more
///   point      zigzag varint, places from the row before's
///   status     quality, reason and time quality, a byte each
///   number     by its code, below
///   window     varint seconds, count, bad; if count > 0 the code byte and number of last, mean, min, max, sum,
///              standard deviation; with `extras` varint how many, and for each the place of its function's bit, for
///              durations the code byte and number of the state, and the code byte and number of its value
/// Numbers: 0 none; 1 signed and 2 unsigned integer (varints); 3 a double that is whole (zigzag varint);
/// 4 a double m / 10^p, p in 1...4, m below 2^50 (varint of zigzag(m) · 4 + p - 1); 5 a double that is a
/// float32; 6 a double; 7 no number but an alarm: u8 flags (1: raised), the code byte and number of its value.
/// All fixed numbers are little-endian. A row costs 3 to 12 bytes.
package enum RowCodec {
  static let windowBit: UInt8 = 1 << 0
  static let sameTimeBit: UInt8 = 1 << 1
  static let nextPointBit: UInt8 = 1 << 2
  static let plainBit: UInt8 = 1 << 3
  static let codeShift: UInt8 = 4

  enum NumberCode {
    static let none: UInt8 = 0
    static let signed: UInt8 = 1
    static let unsigned: UInt8 = 2
    static let wholeDouble: UInt8 = 3
    static let decimal: UInt8 = 4
    static let float: UInt8 = 5
    static let double: UInt8 = 6
    static let alarm: UInt8 = 7
  }

  static let extrasBit: UInt8 = 1 << 5
  /// A row has no more of them: each function once, but for durations, of which there are `mostStates` + 1.
  static let mostExtras = 32

  /// No row is longer: tag, two varints of 10, point 5, status 3, window 3 × 10 and 6 numbers of 1 + 10, and as many
  /// extras as there may be, of 1 + 2 × (1 + 10).
  static let longestRow = 160 + mostExtras * 23

  /// What the next row is written relative to; the same on both sides.
  struct Context {
    var time: Int64 = 0
    var offset: Int64 = 0
    var point: Int64 = -1
  }

  @inline(__always)
  static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value << 1 ^ value >> 63) }

  @inline(__always)
  static func unzigzag(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  static let powers: (Double, Double, Double, Double, Double) = (1, 10, 100, 1000, 10_000)

  @inline(__always)
  static func power(_ places: Int) -> Double {
    switch places {
    case 0: powers.0
    case 1: powers.1
    case 2: powers.2
    case 3: powers.3
    default: powers.4
    }
  }
}

/// A payload that is not what `RowEncoder` writes; with a commit whose CRC is right it means another version.
package struct RowCodecError: Error, Equatable, CustomStringConvertible {
  package var offset: Int
  package var description: String { "cannot decode the row at byte \(offset) of the commit" }
}

/// Writes rows, one behind the other, into its buffer. Owned by one thread.
package struct RowEncoder: ~Copyable, Sendable {
  package private(set) var bytes = ByteBuffer(capacity: 4096)
  package private(set) var rowCount = 0
  private var context = RowCodec.Context()

  /// Bytes that one row takes at most.
  package static var longestRow: Int { RowCodec.longestRow }

  package init() {}

  /// Starts over, keeping the memory.
  package mutating func removeAll() {
    bytes.removeAll()
    rowCount = 0
    context = RowCodec.Context()
  }

  package mutating func append(_ reading: borrowing Reading) {
    let value = reading.value
    append(
      point: reading.point, time: reading.time, boot: reading.boot, quality: reading.quality,
      reason: reading.reason, timeQuality: reading.timeQuality
    ) { cursor, tag in
      cursor.put(value, code: &tag)
    }
  }

  package mutating func append(_ row: Row) {
    append(
      point: row.point, time: row.time, boot: row.boot, quality: row.quality, reason: row.reason,
      timeQuality: row.timeQuality
    ) { cursor, tag in
      switch row.body {
      case .reading(let value): cursor.put(value, code: &tag)
      case .window(let summary):
        tag |= RowCodec.windowBit
        cursor.put(summary, tag: &tag)
        cursor.put(summary.extras, tag: &tag)
      case .alarm(let event):
        tag |= RowCodec.NumberCode.alarm << RowCodec.codeShift
        cursor.put(event.isRaised ? 1 : 0)
        cursor.put(coded: event.value)
      }
    }
  }

  /// Gives up the bytes, to be followed by the state; the encoder starts over with new memory.
  package mutating func takeBytes(reserving capacity: Int) -> ByteBuffer {
    var taken = ByteBuffer(capacity: capacity)
    swap(&taken, &bytes)
    removeAll()
    return taken
  }

  @inline(__always)
  private mutating func append(
    point: PointIndex, time: Timestamp, boot: BootTime, quality: Quality, reason: QualityReason,
    timeQuality: TimeQuality, _ body: (inout ByteCursor, inout UInt8) -> Void
  ) {
    let offset = time.microseconds &- boot.microseconds
    var next = context
    bytes.append(upTo: RowCodec.longestRow) { room in
      var tag: UInt8 = 0
      var cursor = ByteCursor(room.baseAddress! + 1)
      if time.microseconds == next.time && offset == next.offset {
        tag |= RowCodec.sameTimeBit
      } else {
        cursor.put(varint: RowCodec.zigzag(time.microseconds &- next.time))
        cursor.put(varint: RowCodec.zigzag(offset &- next.offset))
        next.time = time.microseconds
        next.offset = offset
      }
      if Int64(point) == next.point + 1 {
        tag |= RowCodec.nextPointBit
      } else {
        cursor.put(varint: RowCodec.zigzag(Int64(point) - next.point))
      }
      next.point = Int64(point)
      if quality == .good && reason == .none && timeQuality == .synced {
        tag |= RowCodec.plainBit
      } else {
        cursor.put(quality.rawValue)
        cursor.put(reason.rawValue)
        cursor.put(timeQuality.rawValue)
      }
      body(&cursor, &tag)
      room[0] = tag
      return cursor.address - room.baseAddress!
    }
    context = next
    rowCount += 1
  }
}

/// Writes behind a raw pointer; the caller has reserved the room.
private struct ByteCursor {
  var address: UnsafeMutableRawPointer

  init(_ address: UnsafeMutableRawPointer) { self.address = address }

  @inline(__always)
  mutating func put(_ byte: UInt8) {
    address.storeBytes(of: byte, as: UInt8.self)
    address += 1
  }

  @inline(__always)
  mutating func put(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      put(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    put(UInt8(truncatingIfNeeded: rest))
  }

  @inline(__always)
  mutating func put<Number: FixedWidthInteger>(fixed value: Number) {
    address.storeBytes(of: value.littleEndian, as: Number.self)
    address += MemoryLayout<Number>.size
  }

  @inline(__always)
  mutating func put(_ value: Value?, code tag: inout UInt8) {
    switch value {
    case nil: tag |= RowCodec.NumberCode.none << RowCodec.codeShift
    case .signed(let number):
      tag |= RowCodec.NumberCode.signed << RowCodec.codeShift
      put(varint: RowCodec.zigzag(number))
    case .unsigned(let number):
      tag |= RowCodec.NumberCode.unsigned << RowCodec.codeShift
      put(varint: number)
    case .double(let number): tag |= put(double: number) << RowCodec.codeShift
    }
  }

  /// The number without its code, which is returned.
  @inline(__always)
  mutating func put(double value: Double) -> UInt8 {
    if value.magnitude < 0x1p50 {
      for places in 0...4 {
        let scaled = (value * RowCodec.power(places)).rounded(.toNearestOrEven)
        guard scaled / RowCodec.power(places) == value, scaled != 0 || value.sign == .plus else { continue }
        let mantissa = RowCodec.zigzag(Int64(scaled))
        if places == 0 {
          put(varint: mantissa)
          return RowCodec.NumberCode.wholeDouble
        }
        guard scaled.magnitude < 0x1p50 else { break }
        put(varint: mantissa << 2 | UInt64(places - 1))
        return RowCodec.NumberCode.decimal
      }
    }
    let float = Float(value)
    if Double(float) == value {
      put(fixed: float.bitPattern)
      return RowCodec.NumberCode.float
    }
    put(fixed: value.bitPattern)
    return RowCodec.NumberCode.double
  }

  mutating func put(_ summary: WindowSummary, tag: inout UInt8) {
    if summary.isPartial { tag |= 1 << RowCodec.codeShift }
    put(varint: UInt64(summary.seconds))
    put(varint: summary.count)
    put(varint: summary.bad)
    guard summary.count > 0 else { return }
    put(coded: summary.last)
    for number in [summary.mean, summary.min, summary.max, summary.sum, summary.standardDeviation] {
      put(coded: .double(number))
    }
  }

  mutating func put(_ extras: [ExtraStatistic], tag: inout UInt8) {
    guard !extras.isEmpty else { return }
    precondition(extras.count <= RowCodec.mostExtras, "BUG: more statistics than there are functions")
    tag |= RowCodec.extrasBit
    put(varint: UInt64(extras.count))
    for extra in extras {
      put(UInt8(extra.function.rawValue.trailingZeroBitCount))
      if extra.function == .durations { put(coded: .double(extra.state)) }
      put(coded: extra.value)
    }
  }

  mutating func put(coded value: Value?) {
    let codeAddress = address
    address += 1
    var tag: UInt8 = 0
    put(value, code: &tag)
    codeAddress.storeBytes(of: tag >> RowCodec.codeShift, as: UInt8.self)
  }
}

/// Reads the rows of one payload, in order. The bytes must outlive it. Never reads outside them.
package struct RowDecoder: ~Copyable {
  private let bytes: UnsafeRawBufferPointer
  private var reader: ByteReader
  private var remaining: Int
  private var context = RowCodec.Context()

  package init(_ payload: UnsafeRawBufferPointer, rowCount: Int) {
    bytes = payload
    reader = ByteReader(payload)
    remaining = rowCount
  }

  /// What follows the last row; meaningful once `next` has returned nil.
  package var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[reader.index...]) }

  /// The next row; nil after the last.
  package mutating func next() throws(RowCodecError) -> Row? {
    guard remaining > 0 else { return nil }
    let start = reader.index
    guard let row = decode() else { throw RowCodecError(offset: start) }
    remaining -= 1
    return row
  }

  @inline(__always)
  private mutating func decode() -> Row? {
    guard let tag = reader.byte() else { return nil }
    if tag & RowCodec.sameTimeBit == 0 {
      guard let time = reader.varint(), let offset = reader.varint() else { return nil }
      context.time &+= RowCodec.unzigzag(time)
      context.offset &+= RowCodec.unzigzag(offset)
    }
    if tag & RowCodec.nextPointBit != 0 {
      context.point &+= 1
    } else {
      guard let step = reader.varint() else { return nil }
      context.point &+= RowCodec.unzigzag(step)
    }
    guard let point = PointIndex(exactly: context.point) else { return nil }
    var status = (Quality.good, QualityReason.none, TimeQuality.synced)
    if tag & RowCodec.plainBit == 0 {
      guard let quality = reader.byte().flatMap(Quality.init),
        let reason = reader.byte().flatMap(QualityReason.init),
        let timeQuality = reader.byte().flatMap(TimeQuality.init)
      else { return nil }
      status = (quality, reason, timeQuality)
    }
    guard let body = tag & RowCodec.windowBit == 0 ? reading(tag) : window(tag) else { return nil }
    return Row(
      point: point, time: Timestamp(microseconds: context.time),
      boot: BootTime(microseconds: context.time &- context.offset), quality: status.0, reason: status.1,
      timeQuality: status.2, body: body)
  }

  @inline(__always)
  private mutating func reading(_ tag: UInt8) -> Row.Body? {
    let code = tag >> RowCodec.codeShift
    if code == RowCodec.NumberCode.none { return .reading(nil) }
    if code == RowCodec.NumberCode.alarm { return alarm() }
    guard let value = number(code) else { return nil }
    return .reading(value)
  }

  @inline(__always)
  private mutating func number(_ code: UInt8) -> Value? { reader.number(code) }

  private mutating func alarm() -> Row.Body? {
    guard let flags = reader.byte(), let code = reader.byte() else { return nil }
    if code == RowCodec.NumberCode.none { return .alarm(AlarmEvent(isRaised: flags & 1 == 1, value: nil)) }
    guard let value = number(code) else { return nil }
    return .alarm(AlarmEvent(isRaised: flags & 1 == 1, value: value))
  }

  private mutating func window(_ tag: UInt8) -> Row.Body? {
    guard let seconds = reader.varint().flatMap(UInt32.init(exactly:)), let count = reader.varint(),
      let bad = reader.varint()
    else { return nil }
    var summary = WindowSummary(
      seconds: seconds, count: count, bad: bad, isPartial: tag >> RowCodec.codeShift & 1 == 1, mean: 0,
      min: 0,
      max: 0, sum: 0, standardDeviation: 0, last: .double(0))
    guard count > 0 else { return self.window(summary, tag) }
    guard let last = coded(), let mean = coded(), let min = coded(), let max = coded(), let sum = coded(),
      let deviation = coded()
    else { return nil }
    summary.last = last
    summary.mean = mean.asDouble
    summary.min = min.asDouble
    summary.max = max.asDouble
    summary.sum = sum.asDouble
    summary.standardDeviation = deviation.asDouble
    return self.window(summary, tag)
  }

  private mutating func window(_ summary: WindowSummary, _ tag: UInt8) -> Row.Body? {
    guard tag & RowCodec.extrasBit != 0 else { return .window(summary) }
    guard let count = reader.varint(), count <= RowCodec.mostExtras else { return nil }
    var summary = summary
    for _ in 0..<count {
      guard let bit = reader.byte(), bit < 32 else { return nil }
      let function = WindowFunctions(rawValue: 1 << UInt32(bit))
      var state = 0.0
      if function == .durations {
        guard let found = coded() else { return nil }
        state = found.asDouble
      }
      guard WindowFunctions.extras.contains(function), let value = coded() else { return nil }
      summary.extras.append(ExtraStatistic(function, value, state: state))
    }
    return .window(summary)
  }

  private mutating func coded() -> Value? { reader.byte().flatMap { number($0) } }
}

extension ByteReader {
  /// A number of this code; nil for `none` and what is no code.
  @inline(__always)
  mutating func number(_ code: UInt8) -> Value? {
    switch code {
    case RowCodec.NumberCode.signed: return varint().map { .signed(RowCodec.unzigzag($0)) }
    case RowCodec.NumberCode.unsigned: return varint().map { .unsigned($0) }
    case RowCodec.NumberCode.wholeDouble: return varint().map { .double(Double(RowCodec.unzigzag($0))) }
    case RowCodec.NumberCode.decimal:
      guard let word = varint() else { return nil }
      return .double(Double(RowCodec.unzigzag(word >> 2)) / RowCodec.power(Int(word & 3) + 1))
    case RowCodec.NumberCode.float:
      return fixed(UInt32.self).map { .double(Double(Float(bitPattern: $0))) }
    case RowCodec.NumberCode.double: return fixed(UInt64.self).map { .double(Double(bitPattern: $0)) }
    default: return nil
    }
  }
}

extension ByteBuffer {
  /// The code byte and the number, as a window has them.
  package mutating func append(coded value: Value?) {
    append(upTo: 16) { room in
      guard let start = room.baseAddress else { return 0 }
      var cursor = ByteCursor(start)
      cursor.put(coded: value)
      return cursor.address - start
    }
  }
}
