/// How rows become InfluxDB's line protocol, and where they go.
package struct InfluxConfig: Equatable, Sendable {
  package enum Place: Equatable, Sendable {
    /// `/write`: InfluxDB 1, VictoriaMetrics.
    case database(String, retentionPolicy: String?)
    /// `/api/v2/write`: InfluxDB 1.8, 2 and 3, VictoriaMetrics.
    case bucket(String, organization: String)
  }

  /// The unit of the timestamps.
  package enum Precision: Equatable, Sendable, CaseIterable {
    case seconds, milliseconds, microseconds, nanoseconds

    package var word: String {
      switch self {
      case .seconds: "s"
      case .milliseconds: "ms"
      case .microseconds: "us"
      case .nanoseconds: "ns"
      }
    }
  }

  package var place: Place
  package var precision: Precision
  /// In it `{gateway}`, `{device}` and `{point}` stand for names.
  package var measurement: String

  package init(place: Place, precision: Precision = .microseconds, measurement: String = "{device}") {
    self.place = place
    self.precision = precision
    self.measurement = measurement
  }

  /// What follows the destination's URL. InfluxDB 1 knows `n` and `u` for what version 2 calls `ns` and `us`, and
  /// takes what it does not know for `ns`, without a word.
  package var path: String {
    switch place {
    case .database(let name, let policy):
      let unit = [.microseconds: "u", .nanoseconds: "n"][precision] ?? precision.word
      let rest = policy.map { "&rp=\(percentEncoded($0))" } ?? ""
      return "/write?db=\(percentEncoded(name))&precision=\(unit)\(rest)"
    case .bucket(let name, let organization):
      return "/api/v2/write?org=\(percentEncoded(organization))&bucket=\(percentEncoded(name))"
        + "&precision=\(precision.word)"
    }
  }
}

/// The text as a part of a URL, whatever is in it (RFC 3986, section 2).
package func percentEncoded(_ text: String) -> String {
  var result = ""
  for byte in text.utf8 {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"):
      result.unicodeScalars.append(Unicode.Scalar(byte))
    default:
      let digits = String(byte, radix: 16, uppercase: true)
      result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
    }
  }
  return result
}
