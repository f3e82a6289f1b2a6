// Numbers as a technician reads them: units as symbols, ages, counts in groups of three.
internal import GatewayCore
internal import Glibc

enum Quantities {
  /// The usual symbol of a UN/CEFACT Recommendation 20 code; other codes as they are.
  static func symbol(_ unit: String) -> String { symbols[unit] ?? unit.plain }

  private static let symbols = [
    "CEL": "°C", "KEL": "K", "FAH": "°F", "KWH": "kWh", "WHR": "Wh", "MWH": "MWh", "VLT": "V", "2Z": "mV",
    "KVT": "kV", "AMP": "A", "4K": "mA", "GQ": "µg/m³", "GP": "mg/m³", "59": "ppm", "61": "ppb", "P1": "%",
    "HTZ": "Hz", "KHZ": "kHz", "WTT": "W", "KWT": "kW", "MAW": "MW", "D46": "VA", "KVA": "kVA", "D44": "var",
    "KVR": "kvar", "K3": "kvarh", "C79": "kVAh", "MTS": "m/s", "KMH": "km/h", "MMT": "mm", "CMT": "cm",
    "MTR": "m", "KMT": "km", "LTR": "l", "MTQ": "m³", "MQH": "m³/h", "L2": "l/min", "A97": "hPa", "PAL": "Pa",
    "KPA": "kPa", "BAR": "bar", "MBR": "mbar", "2N": "dB", "LUX": "lx", "LUM": "lm", "OHM": "Ω", "DD": "°",
    "SEC": "s", "MIN": "min", "HUR": "h", "DAY": "d", "KGM": "kg", "GRM": "g", "JOU": "J", "RPM": "1/min",
    "D54": "W/m²", "C62": "", "H87": "", "DBM": "dBm",
  ]

  /// As it is while it is short; else to seven digits, all that a 32-bit float has, or to the integer.
  static func text(_ value: Value) -> String {
    switch value {
    case .signed(let number): String(number)
    case .unsigned(let number): String(number)
    case .double(let number): text(number)
    }
  }

  private static func text(_ number: Double) -> String {
    if number.rounded() == number, number.magnitude < 1e15 { return String(Int64(number)) }
    let exact = number.description
    guard exact.count > 12, (1e-9..<1e15).contains(number.magnitude) else { return exact }
    if number.magnitude >= 1e6 { return String(Int64(number.rounded())) }
    // Dividing by an exact power of ten gives the double nearest to the short decimal.
    let power = pow(10, 6 - log10(number.magnitude).rounded(.down))
    return ((number * power).rounded() / power).description
  }

  /// `3s`, `2m`, `1h05`, `3d04h`; never negative, though a clock may have stepped back.
  static func age(_ seconds: Double) -> String {
    let whole = Int(max(0, min(seconds, 1e12)))
    switch whole {
    case ..<60: return "\(whole)s"
    case ..<3600: return "\(whole / 60)m"
    case ..<86_400: return "\(whole / 3600)h" + twoDigits(whole / 60 % 60)
    default: return "\(whole / 86_400)d" + twoDigits(whole / 3600 % 24) + "h"
    }
  }

  static func age(of time: Timestamp, at now: Timestamp) -> String {
    age(Double(now.microseconds.subtractingReportingOverflow(time.microseconds).partialValue) / 1e6)
  }

  private static func twoDigits(_ number: Int) -> String { String(number).paddedWithZero }

  /// `1,234,567`
  static func grouped(_ number: UInt64) -> String {
    var digits = String(number)
    var place = digits.count - 3
    while place > 0 {
      digits.insert(",", at: digits.index(digits.startIndex, offsetBy: place))
      place -= 3
    }
    return digits
  }

  /// `8 KiB`, `1.5 GiB`: at most one decimal, rounded down, so that a full store is never shown before it is.
  static func size(_ bytes: UInt64) -> String {
    var amount = bytes
    var tenths: UInt64 = 0
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
      if amount < 1024 || unit == "TiB" {
        return tenths > 0 && amount < 100 ? "\(amount).\(tenths) \(unit)" : "\(amount) \(unit)"
      }
      tenths = amount % 1024 * 10 / 1024
      amount /= 1024
    }
    return "\(bytes) B"
  }
}

extension String {
  fileprivate var paddedWithZero: String { count < 2 ? "0" + self : self }
}
