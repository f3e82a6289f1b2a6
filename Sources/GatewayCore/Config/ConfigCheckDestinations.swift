/// The destinations: where the rows go. None at all is fine, the rows are kept.
extension ConfigCheck {
  /// Each destination has a place of its own in the ledger.
  private static let mostDestinations = 16

  func destinations(_ nodes: [ConfigNode], _ entities: [EntityConfig]) -> [DestinationConfig] {
    if nodes.count > Self.mostDestinations {
      let sentence = "there are \(nodes.count) destinations; \(Self.mostDestinations) are possible"
      log.add(nodes[Self.mostDestinations], sentence)
    }
    var names: [(name: String, node: ConfigNode)] = []
    let destinations = nodes.map { node in
      var keys = MappingReader(node, "a destination", log)
      let name = keys.requireName()
      names.append(name)
      return destination(&keys, name.name, entities)
    }
    reportRepeated(names, "the destinations")
    return destinations
  }

  private func destination(
    _ keys: inout MappingReader, _ name: String, _ entities: [EntityConfig]
  ) -> DestinationConfig {
    let allowsPlain = keys.optional("insecure", .flag) ?? false
    var destination = DestinationConfig(name: name, url: url(&keys, "url", allowsPlain: allowsPlain))
    destination.format = format(&keys, destination.url, entities) ?? .json
    destination.authentication =
      keys.mapping("auth").map { authentication($0, allowsPlain: allowsPlain) } ?? .none
    destination.acknowledgement =
      keys.optional("ack", .word([("status", .status), ("echo", .echo)])) ?? destination.acknowledgement
    destination.usesGzip = keys.optional("gzip", .flag) ?? destination.format.isUsuallyGzip
    keys.mapping("batch").map { batch($0, into: &destination) }
    destination.timeout = keys.optional("timeout", .duration("100ms", "10m")) ?? destination.timeout
    keys.mapping("retry").map { retry($0, into: &destination) }
    destination.tls = keys.mapping("tls").map(tls) ?? destination.tls
    destination.proxy = proxy(&keys)
    destination.proxyAuthentication = proxyAuthentication(&keys)
    destination.backfill = keys.optional("backfill", .bitRate("8kbit/s", "1Gbit/s"))
    destination.backlog =
      keys.optional("backlog", .word([("oldest", .oldest), ("newest", .newest)])) ?? destination.backlog
    check(&destination, keys: &keys)
    keys.finish()
    return destination
  }

  func url(_ keys: inout MappingReader, _ key: String, allowsPlain: Bool) -> String {
    guard let node = keys.require(key) else { return "" }
    guard case .scalar(let url, _) = node.content, !url.isEmpty else {
      log.add(
        node,
        "\(quoted(key)) should be a URL such as https://data.city.example/v1/batches, not \(node.summary)")
      return ""
    }
    if let problem = DestinationURL.problem(url, key: key, allowsPlain: allowsPlain) {
      log.add(node, problem)
    }
    return url
  }

  /// The proxy itself is spoken to in the clear; what goes through it to https:// is not. The sentence does not
  /// repeat the text, which may hold a password.
  private func proxy(_ keys: inout MappingReader) -> String? {
    guard let node = keys.take("proxy") else { return nil }
    let scheme = "http://"
    if case .scalar(let text, _) = node.content, text.hasPrefix(scheme),
      NetworkPlace(text.dropFirst(scheme.count))?.port != nil
    {
      return text
    }
    log.add(
      node,
      "\"proxy\" should be http://, a host and a port, such as http://proxy.city.example:3128,"
        + " and nothing more; user and password stand in \"proxy-auth\"")
    return nil
  }

  /// nil where it cannot be read, which was said.
  private func format(
    _ keys: inout MappingReader, _ url: String, _ entities: [EntityConfig]
  ) -> DestinationConfig.Format? {
    let words = ["json", "ngsi-ld", "sensorthings", "influx", "thingsboard"]
    let node = keys.take("format")
    let word = node.flatMap { keys.read($0, "format", .word(words.map { ($0, $0) })) }
    for format in ["influx", "thingsboard"] where format != word {
      keys.refuse(format, "\(quoted(format)) needs \"format: \(format)\"")
    }
    if word != "ngsi-ld" { keys.refuse("history", "\"history\" needs \"format: ngsi-ld\"") }
    switch word {
    case "influx": return influx(&keys).map { .influx($0) }
    case "ngsi-ld": return .ngsi(ngsi(&keys, entities, url))
    case "sensorthings": return .sensorThings(sensorThings(&keys, url))
    case "thingsboard": return thingsBoard(&keys).map { .thingsboard($0) }
    default: return .json
    }
  }

  /// What has to go together with the format.
  private func check(_ destination: inout DestinationConfig, keys: inout MappingReader) {
    if destination.format.addsPath {
      while destination.url.hasSuffix("/") { destination.url.removeLast() }
    }
    switch destination.format {
    case .json, .ngsi, .sensorThings: return
    case .influx, .thingsboard: break
    }
    if destination.acknowledgement == .echo, let node = keys.take("ack") {
      log.add(node, "\"ack: echo\" is for \"format: json\"; other platforms answer with a status")
    }
    if destination.url.contains("?"), let node = keys.take("url") {
      log.add(node, "\"url\" should end before the path: the format adds it, with what follows \"?\"")
    }
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
