/// The destinations: where the rows go. None at all is fine, the rows are kept.
extension ConfigCheck {
  /// Each destination has a place of its own in the ledger.
  private static let mostDestinations = 16

  func destinations(_ nodes: [ConfigNode]) -> [DestinationConfig] {
    if nodes.count > Self.mostDestinations {
      let sentence = "there are \(nodes.count) destinations; \(Self.mostDestinations) are possible"
      log.add(nodes[Self.mostDestinations], sentence)
    }
    var names: [(name: String, node: ConfigNode)] = []
    let destinations = nodes.map { node in
      var keys = MappingReader(node, "a destination", log)
      let name = keys.requireName()
      names.append(name)
      return destination(&keys, name.name)
    }
    reportRepeated(names, "the destinations")
    return destinations
  }

  private func destination(_ keys: inout MappingReader, _ name: String) -> DestinationConfig {
    var destination = DestinationConfig(name: name, url: url(&keys))
    checkFormat(&keys, into: &destination)
    destination.authentication = keys.mapping("auth").map(authentication) ?? .none
    destination.acknowledgement =
      keys.optional("ack", .word([("status", .status), ("echo", .echo)])) ?? destination.acknowledgement
    destination.usesGzip = keys.optional("gzip", .flag) ?? destination.usesGzip
    keys.mapping("batch").map { batch($0, into: &destination) }
    destination.timeout = keys.optional("timeout", .duration("100ms", "10m")) ?? destination.timeout
    keys.mapping("retry").map { retry($0, into: &destination) }
    destination.tls = keys.mapping("tls").map(tls) ?? destination.tls
    destination.backfill = keys.optional("backfill", .bitRate("8kbit/s", "1Gbit/s"))
    destination.backlog =
      keys.optional("backlog", .word([("oldest", .oldest), ("newest", .newest)])) ?? destination.backlog
    keys.finish()
    return destination
  }

  private func url(_ keys: inout MappingReader) -> String {
    let allowsPlain = keys.optional("insecure", .flag) ?? false
    guard let node = keys.require("url") else { return "" }
    guard case .scalar(let url, _) = node.content, !url.isEmpty else {
      log.add(
        node, "\"url\" should be a URL such as https://data.city.example/v1/batches, not \(node.summary)")
      return ""
    }
    if let problem = DestinationURL.problem(url, allowsPlain: allowsPlain) { log.add(node, problem) }
    return url
  }

  private func checkFormat(_ keys: inout MappingReader, into destination: inout DestinationConfig) {
    let words = ["json", "ngsi-ld", "sensorthings", "influx", "thingsboard"]
    let form = ScalarForm.word(words.map { ($0, $0) }).map("json or sensorthings") { $0 }
    guard let node = keys.take("format") else { return }
    switch keys.read(node, "format", form) {
    case nil, "json": break
    case "sensorthings": sensorThings(&keys, into: &destination)
    case .some(let word): log.add(node, Self.unavailable("format", word, speaks: "json and sensorthings"))
    }
  }

  private func authentication(_ reader: MappingReader) -> DestinationConfig.Authentication {
    var keys = reader
    let others = ["basic", "digest", "oauth2", "header", "api-key", "none"]
    let form = ScalarForm<Bool>("bearer", nearest: { nearestWord(to: $0, in: ["bearer"]) }) { text, _ in
      text == "bearer" ? true : others.contains(text) ? false : nil
    }
    if let node = keys.require("type"), keys.read(node, "type", form) == false,
      case .scalar(let word, _) = node.content
    {
      log.add(node, Self.unavailable("auth type", word, speaks: "bearer"))
      // The other keys are those of the other type.
      return .none
    }
    let file = keys.require("token-file", .text("the name of a file")) ?? ""
    keys.finish()
    return .bearer(tokenFile: file)
  }

  private func batch(_ reader: MappingReader, into destination: inout DestinationConfig) {
    var keys = reader
    destination.maximumReadings =
      keys.optional("max-readings", .integer(1...100_000)) ?? destination.maximumReadings
    destination.maximumBytes = keys.optional("max-bytes", .size("4KiB", "64MiB")) ?? destination.maximumBytes
    destination.linger = keys.optional("linger", .duration("0s", "1h")) ?? destination.linger
    keys.finish()
  }

  private func retry(_ reader: MappingReader, into destination: inout DestinationConfig) {
    var keys = reader
    let initial = keys.optional("initial", .duration("100ms", "1h"))
    let maximum = keys.optional("max", .duration("100ms", "24h"))
    destination.retryInitial = initial ?? destination.retryInitial
    destination.retryMaximum = maximum ?? destination.retryMaximum
    keys.finish()
    if destination.retryInitial > destination.retryMaximum {
      log.add(keys.node, "the \"max\" of \"retry\" should not be below its \"initial\" (defaults: 1s and 5m)")
    }
  }

  private func tls(_ reader: MappingReader) -> DestinationConfig.TLS {
    var keys = reader
    let file = ScalarForm<String>.text("the name of a PEM file")
    let authorities = keys.optional("ca", file)
    let (hasCertificate, certificate) = (keys.take("certificate") != nil, keys.optional("certificate", file))
    let (hasKey, key) = (keys.take("key") != nil, keys.optional("key", file))
    keys.finish()
    if hasCertificate != hasKey {
      let (one, other) = hasKey ? ("key", "certificate") : ("certificate", "key")
      log.add(keys.node, "\"tls\" has a \(quoted(one)) and so needs the key \(quoted(other)) too")
    }
    return DestinationConfig.TLS(authorities: authorities, certificate: certificate, key: key)
  }
}
