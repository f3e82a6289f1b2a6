/// A number as the device gave it, exact: 64-bit integers are not squeezed through a `Double`.
package enum Value: Hashable, BitwiseCopyable, Sendable {
  case double(Double)
  case signed(Int64)
  case unsigned(UInt64)

  package var asDouble: Double {
    switch self {
    case .double(let value): value
    case .signed(let value): Double(value)
    case .unsigned(let value): Double(value)
    }
  }
}

/// The place of a point in the running configuration's catalogue (`GatewayConfig.catalogue`).
package typealias PointIndex = UInt32

/// One reading of one point, as it travels through the ring: 32 bytes, no references.
package struct Reading: BitwiseCopyable, Sendable, Equatable {
  enum ValueKind: UInt8, BitwiseCopyable, Sendable { case none, double, signed, unsigned }

  package var time: Timestamp
  package var boot: BootTime
  private var bits: UInt64
  package var point: PointIndex
  private var kind: ValueKind
  package var quality: Quality
  package var reason: QualityReason
  package var timeQuality: TimeQuality

  package init(
    point: PointIndex, at moment: Moment, value: Value?, quality: Quality = .good,
    reason: QualityReason = .none, timeQuality: TimeQuality = .synced
  ) {
    self.time = moment.time
    self.boot = moment.boot
    self.point = point
    self.quality = quality
    self.reason = reason
    self.timeQuality = timeQuality
    switch value {
    case nil: (kind, bits) = (.none, 0)
    case .double(let number): (kind, bits) = (.double, number.bitPattern)
    case .signed(let number): (kind, bits) = (.signed, UInt64(bitPattern: number))
    case .unsigned(let number): (kind, bits) = (.unsigned, number)
    }
  }

  /// A reading that failed: no value, bad, with its reason.
  package init(point: PointIndex, at moment: Moment, failed reason: QualityReason, timeQuality: TimeQuality) {
    self.init(
      point: point, at: moment, value: nil, quality: .bad, reason: reason, timeQuality: timeQuality)
  }

  package var moment: Moment { Moment(time: time, boot: boot) }

  /// nil when the reading failed.
  package var value: Value? {
    switch kind {
    case .none: nil
    case .double: .double(Double(bitPattern: bits))
    case .signed: .signed(Int64(bitPattern: bits))
    case .unsigned: .unsigned(bits)
    }
  }
}
