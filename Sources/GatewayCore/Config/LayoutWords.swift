// The words for a register's type and byte order, in the configuration and on `gatewayctl`'s command line.

extension RegisterType {
  package static var form: ScalarForm<RegisterType> {
    .word(
      RegisterType.allCases.map { ($0.rawValue, $0) } + [("bcd", .bcd16)],
      synonyms: [
        "float": "float32", "real": "float32", "double": "float64", "boolean": "bool", "bit": "bool",
        "int": "int16", "word": "uint16", "uint": "uint16", "dword": "uint32", "long": "int32",
        "byte": "uint8",
        "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64", "s16": "int16", "s32": "int32",
        "i16": "int16", "i32": "int32", "i64": "int64", "f32": "float32", "f64": "float64",
      ])
  }
}

extension ByteOrder {
  /// The orders of a value of so many registers, with their words.
  package static func words(registers: Int) -> [(word: String, value: ByteOrder)] {
    let names =
      switch registers {
      case 1: ["AB", "BA"]
      case 2: ["ABCD", "BADC", "CDAB", "DCBA"]
      default: ["ABCDEFGH", "BADCFEHG", "GHEFCDAB", "HGFEDCBA"]
      }
    return names.enumerated().map { index, name in
      (name, ByteOrder(wordsReversed: index & 2 != 0, bytesSwapped: index & 1 != 0))
    }
  }
}
