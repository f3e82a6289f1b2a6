/// One thing that a technician wants to know of a bus.
package enum BusInquiry: Equatable, Sendable {
  case read(unit: UInt8, table: RegisterTable, address: UInt16, count: UInt16)
  /// Does this unit answer, and what is it?
  case probe(unit: UInt8)

  package var unit: UInt8 {
    switch self {
    case .read(let unit, _, _, _), .probe(let unit): unit
    }
  }
}

/// What came of it.
package enum BusFinding: Equatable, Sendable {
  case words([UInt16])
  case bits([Bool])
  /// The device answered with this Modbus exception: it is there.
  case exception(UInt8)
  case failed(QualityReason, cause: String)
  /// The unit is there, and this is what it says about itself (maker, product, version), if anything.
  case identity([String])
}
