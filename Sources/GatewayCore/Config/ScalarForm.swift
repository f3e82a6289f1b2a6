/// What one scalar of the file may be: how it is read, and the words that say so when it is something else.
package struct ScalarForm<Value> {
  /// Stands behind `should be`.
  package let expectation: String
  /// nil for a text that does not fit. A text in quotes is never a number or a boolean.
  package let parse: (_ text: String, _ isPlain: Bool) -> Value?
  /// The right text that was most likely meant.
  package let nearest: (_ text: String) -> String?

  package init(
    _ expectation: String, nearest: @escaping (String) -> String? = { _ in nil },
    parse: @escaping (_ text: String, _ isPlain: Bool) -> Value?
  ) {
    self.expectation = expectation
    self.parse = parse
    self.nearest = nearest
  }

  /// One of a few words. `synonyms` are words of other programs that should lead to ours.
  package static func word(_ words: [(word: String, value: Value)], synonyms: [String: String] = [:]) -> Self
  {
    let names = words.map(\.word)
    return Self(
      alternatives(names), nearest: { synonyms[$0.lowercased()] ?? nearestWord(to: $0, in: names) },
      parse: { text, _ in words.first { $0.word == text }?.value })
  }

  /// The same form with a narrower meaning; what `transform` refuses is refused with the new expectation.
  package func map<Other>(_ expectation: String, _ transform: @escaping (Value) -> Other?) -> ScalarForm<
    Other
  > {
    ScalarForm<Other>(expectation, nearest: nearest) { text, isPlain in
      parse(text, isPlain).flatMap(transform)
    }
  }
}

extension ScalarForm<Duration> {
  /// `lowest` and `highest` in the configuration's notation, so that messages repeat them as they stand here.
  package static func duration(_ lowest: String, _ highest: String) -> Self {
    guard let least = Duration(configText: lowest), let most = Duration(configText: highest) else {
      preconditionFailure("BUG: a range that is not a duration")
    }
    return Self(
      "a duration from \(lowest) to \(highest)",
      nearest: { text in
        let near = "\(text)s"
        guard wholeNumber(text) != nil, let duration = Duration(configText: near) else { return nil }
        return least...most ~= duration ? near : nil
      },
      parse: { text, _ in Duration(configText: text).flatMap { least...most ~= $0 ? $0 : nil } })
  }
}

extension ScalarForm<Int> {
  package static func integer(_ range: ClosedRange<Int>) -> Self {
    Self("a whole number from \(range.lowerBound) to \(range.upperBound)") { text, isPlain in
      isPlain ? wholeNumber(text).flatMap { range ~= $0 ? $0 : nil } : nil
    }
  }

  /// Bytes.
  package static func size(_ lowest: String, _ highest: String) -> Self {
    guard let least = byteSize(configText: lowest), let most = byteSize(configText: highest) else {
      preconditionFailure("BUG: a range that is not a size")
    }
    return Self(
      "a size from \(lowest) to \(highest)",
      nearest: { text in
        // `256MB`, `256M` and `256mib` mean 256MiB.
        guard let unit = text.lastIndex(where: \.isNumber).map({ text[text.index(after: $0)...] }),
          let letter = unit.first?.uppercased(), ["K", "M", "G", "T"].contains(letter)
        else { return nil }
        let near = "\(text.dropLast(unit.count))\(letter)iB"
        return byteSize(configText: near).flatMap { least...most ~= $0 ? near : nil }
      },
      parse: { text, _ in byteSize(configText: text).flatMap { least...most ~= $0 ? $0 : nil } })
  }
}

extension ScalarForm<Int> {
  /// Bits a second.
  package static func bitRate(_ lowest: String, _ highest: String) -> Self {
    guard let least = GatewayCore.bitRate(configText: lowest),
      let most = GatewayCore.bitRate(configText: highest)
    else { preconditionFailure("BUG: a range that is not a rate") }
    return Self(
      "a rate from \(lowest) to \(highest)",
      nearest: { text in
        let near = nearestBitRate(text)
        return near.flatMap { GatewayCore.bitRate(configText: $0) }.flatMap {
          least...most ~= $0 ? near : nil
        }
      },
      parse: { text, _ in
        GatewayCore.bitRate(configText: text).flatMap { least...most ~= $0 ? $0 : nil }
      })
  }
}

/// `256k`, `256kbps`, `256 Kbit/s` and `256kb/s` mean 256kbit/s; what speaks of bytes means something else.
private func nearestBitRate(_ text: String) -> String? {
  guard let lastDigit = text.lastIndex(where: \.isNumber) else { return nil }
  let unit = text[text.index(after: lastDigit)...].drop { $0 == " " }
  let small = unit.lowercased()
  if unit.contains("B") && !small.contains("bit") || small.contains("byte") { return nil }
  let prefix = ["k": "k", "m": "M", "g": "G", "b": "", "": ""][String(small.prefix(1))]
  return prefix.map { "\(text[...lastDigit])\($0)bit/s" }
}

extension ScalarForm<Bool> {
  package static var flag: Self {
    let synonyms = ["yes": "true", "on": "true", "no": "false", "off": "false"]
    return Self(
      "true or false",
      nearest: { synonyms[$0.lowercased()] ?? nearestWord(to: $0, in: ["true", "false"]) },
      parse: { text, isPlain in isPlain ? ["true": true, "false": false][text] : nil })
  }
}

extension ScalarForm<DecimalText> {
  package static func decimal(_ expectation: String = "a number") -> Self {
    Self(expectation) { text, isPlain in isPlain ? DecimalText(text) : nil }
  }
}

extension ScalarForm<Double> {
  package static func number(_ range: ClosedRange<Double>, _ noun: String) -> Self {
    Self(noun) { text, isPlain in
      isPlain ? DecimalText(text).flatMap { range ~= $0.value ? $0.value : nil } : nil
    }
  }
}

extension ScalarForm<String> {
  /// The name of a bus, a device, a point or a destination.
  package static var name: Self {
    Self("1 to 63 letters, digits, \"-\" and \"_\", the first a letter or a digit") { text, _ in
      isName(text) ? text : nil
    }
  }

  /// A text of one line.
  package static func text(_ noun: String, limit: Int = 4096) -> Self {
    Self(noun) { text, _ in
      let isLine = text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
      return isLine && !text.isEmpty && text.utf8.count <= limit ? text : nil
    }
  }
}

extension ScalarForm<Int> {
  /// Bytes of a medium: makers count in thousands, `8GB`.
  package static func mediumSize(_ lowest: String, _ highest: String) -> Self {
    guard let least = mediumByteSize(configText: lowest), let most = mediumByteSize(configText: highest)
    else {
      preconditionFailure("BUG: a range that is not a size")
    }
    return Self(
      "a size from \(lowest) to \(highest), or in MiB, GiB, TiB",
      nearest: { text in
        // `8G` and `8gb` mean 8GB.
        guard let unit = text.lastIndex(where: \.isNumber).map({ text[text.index(after: $0)...] }),
          let letter = unit.first?.uppercased(), ["M", "G", "T"].contains(letter)
        else { return nil }
        let near = "\(text.dropLast(unit.count))\(letter)B"
        return mediumByteSize(configText: near).flatMap { least...most ~= $0 ? near : nil }
      },
      parse: { text, _ in mediumByteSize(configText: text).flatMap { least...most ~= $0 ? $0 : nil } })
  }
}
