/// A place in a Modbus device: the protocol's zero-based address, and how the configuration writes it.
package struct RegisterAddress: Equatable, Sendable {
  package let table: RegisterTable
  package let address: UInt16

  private init(table: RegisterTable, address: UInt16) {
    self.table = table
    self.address = address
  }

  /// `input 40`, or the manuals' Modicon form `30041`.
  package init?(_ text: String) {
    let words = text.split(separator: " ")
    if words.count == 2, let table = RegisterTable.allCases.first(where: { "\($0.word)" == words[0] }) {
      guard let number = wholeNumber(String(words[1])), let address = UInt16(exactly: number) else {
        return nil
      }
      self.init(table: table, address: address)
    } else {
      self.init(modicon: text)
    }
  }

  /// Modicon's numbers: the first of five or six digits names the table, the others count its registers from
  /// one. Five digits reach 9999, six 65536 (MODICON PI-MBUS-300, and every manual since).
  private init?(modicon text: String) {
    guard let first = text.utf8.first, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      let number = Int(text.dropFirst())
    else { return nil }
    switch first {
    case UInt8(ascii: "0"): table = .coil
    case UInt8(ascii: "1"): table = .discrete
    case UInt8(ascii: "3"): table = .input
    case UInt8(ascii: "4"): table = .holding
    default: return nil
    }
    let highest = [5: 9999, 6: 65_536][text.utf8.count] ?? 0
    guard number >= 1, number <= highest else { return nil }
    address = UInt16(number - 1)
  }

  package static var form: ScalarForm<RegisterAddress> {
    ScalarForm(
      "a table (coil, discrete, input, holding) and an address from 0 to 65535 such as input 40,"
        + " or a Modicon number such as 30041",
      nearest: { text in
        let words = text.split(separator: " ")
        guard words.count == 2 else { return nil }
        let tables = RegisterTable.allCases.map { "\($0.word)" }
        let near = nearestWord(to: String(words[0]), in: tables).map { "\($0) \(words[1])" }
        return near.flatMap { RegisterAddress($0) == nil ? nil : $0 }
      },
      parse: { text, _ in RegisterAddress(text) })
  }
}
