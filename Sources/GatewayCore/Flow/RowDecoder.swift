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
