/// The keys of a destination with `format: ngsi-ld`.
extension ConfigCheck {
  /// `url` is the broker's address without the API's path.
  func ngsi(_ keys: inout MappingReader, _ entities: [EntityConfig], _ url: String) -> NGSIConfig {
    var config = NGSIConfig(entities: entities)
    config.tenant = keys.optional("tenant", Self.tenant)
    config.context = keys.optional("context", .word([("body", .body), ("link", .link)])) ?? config.context
    if let node = keys.take("context-url") {
      config.contextURL = keys.read(node, "context-url", .text("the URL of a JSON-LD context"))
      let problem = config.contextURL.flatMap { DestinationURL.problem($0, allowsPlain: true) }
      if problem != nil || config.contextURL?.contains(where: { "<>\"\\".contains($0) }) ?? false {
        log.add(node, "\"context-url\" should be a URL such as https://city.example/context.jsonld")
      }
    }
    keys.refuse("ack", "\"ack\" is for the json format: an NGSI-LD broker answers as the standard says")
    let history: NGSIConfig.History? = keys.optional(
      "history", .word([("upsert", .upsert), ("temporal", .temporal)]))
    config.history = history ?? config.history
    // A word that cannot be read may have been either.
    if config.history == .upsert, history != nil || keys.take("history") == nil {
      refuseBacklog(&keys)
    }
    if let node = keys.take("format"), !self.entities.isMentioned {
      log.add(
        node, "ngsi-ld needs at least one device with an \"entity\", such as {type: AirQualityObserved}")
    }
    checkLink(&keys, config)
    checkBase(&keys, url)
    return config
  }

  private func refuseBacklog(_ keys: inout MappingReader) {
    for key in ["backfill", "backlog"] {
      keys.refuse(
        key,
        "\(quoted(key)) is not for ngsi-ld without \"history: temporal\": its rows leave in their order,"
          + " as the last one is what counts")
    }
  }

  /// One Link header holds for the whole request.
  private func checkLink(_ keys: inout MappingReader, _ config: NGSIConfig) {
    let contexts = Set(config.entities.map(config.contextURL))
    guard config.context == .link, contexts.count > 1, let node = keys.take("context") else { return }
    let types = config.entities.map(\.type).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    let names = types.joined(separator: ", ")
    log.add(
      node,
      "one Link header cannot name the contexts of \(names): give a \"context-url\" for all, or \"context: body\""
    )
  }

  private func checkBase(_ keys: inout MappingReader, _ url: String) {
    guard let node = keys.take("url") else { return }
    if url.contains("?") || url.contains("/ngsi-ld/v1") {
      log.add(
        node,
        "\"url\" should be the broker's address alone, such as https://broker.city.example; the gateway adds /ngsi-ld/v1/…"
      )
    }
  }

  private static var tenant: ScalarForm<String> {
    ScalarForm("a tenant's name of 1 to 50 letters, digits, \"-\" and \"_\"") { text, _ in
      isName(text) && text.utf8.count <= 50 ? text : nil
    }
  }
}
