/// What SensorThings says of a unit (`unitOfMeasurement`, OGC 18-088, 8.2.4), from its UN/CEFACT code.
enum UnitNames {
  struct Names: Equatable {
    var name: String
    var symbol: String
    var definition: String
  }

  /// A number without a unit is in ones: servers refuse null.
  static func code(_ unit: String?) -> String { unit ?? "C62" }

  /// A code that is not here is its own name.
  static func of(_ unit: String?) -> Names {
    let code = code(unit)
    let (name, symbol) = known[code] ?? (code, code)
    return Names(
      name: name, symbol: symbol, definition: "https://vocabulary.uncefact.org/UnitMeasureCode#\(code)")
  }

  // UN/CEFACT Recommendation 20, revision 17.
  private static let known: [String: (String, String)] = [
    "C62": ("one", "1"), "P1": ("percent", "%"), "59": ("part per million", "ppm"),
    "61": ("part per billion", "ppb"),
    "CEL": ("degree Celsius", "°C"), "KEL": ("kelvin", "K"), "A97": ("hectopascal", "hPa"),
    "PAL": ("pascal", "Pa"), "BAR": ("bar", "bar"), "MBR": ("millibar", "mbar"),
    "MTS": ("metre per second", "m/s"),
    "KMH": ("kilometre per hour", "km/h"), "DD": ("degree", "°"), "MMT": ("millimetre", "mm"),
    "CMT": ("centimetre", "cm"), "MTR": ("metre", "m"), "H67": ("millimetre per hour", "mm/h"),
    "MTQ": ("cubic metre", "m³"), "LTR": ("litre", "l"), "MQH": ("cubic metre per hour", "m³/h"),
    "GP": ("milligram per cubic metre", "mg/m³"), "GQ": ("microgram per cubic metre", "µg/m³"),
    "2N": ("decibel", "dB"), "LUX": ("lux", "lx"), "D54": ("watt per square metre", "W/m²"),
    "VLT": ("volt", "V"), "AMP": ("ampere", "A"), "WTT": ("watt", "W"), "KWT": ("kilowatt", "kW"),
    "WHR": ("watt hour", "Wh"), "KWH": ("kilowatt hour", "kWh"), "D46": ("volt - ampere", "V·A"),
    "D44": ("var", "var"), "K3": ("kilovolt ampere reactive hour", "kvar·h"), "HTZ": ("hertz", "Hz"),
    "SEC": ("second", "s"), "MIN": ("minute", "min"), "HUR": ("hour", "h"), "4K": ("milliampere", "mA"),
    "2Z": ("millivolt", "mV"), "OHM": ("ohm", "Ω"), "Q30": ("pH", "pH"), "D10": ("siemens per metre", "S/m"),
  ]
}
