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
