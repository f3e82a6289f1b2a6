/// A destination's keys for `format: sensorthings`.
extension ConfigCheck {
  /// Reads `sensorthings: {window-time: …, failed: …, lookup: …}` and what is usual for this format.
  func sensorThings(_ keys: inout MappingReader, _ url: String) -> SensorThingsOptions {
    var options = SensorThingsOptions()
    if var own = keys.mapping("sensorthings") {
      options.windowTime =
        own.optional("window-time", .word([("instant", .instant), ("interval", .interval)]))
        ?? options.windowTime
      options.failedRows =
        own.optional("failed", .word([("leave", .leave), ("send", .null)])) ?? options.failedRows
      options.looksUp = own.optional("lookup", .flag) ?? options.looksUp
      own.finish()
    }
    if let node = keys.take("ack"), node.text == "echo" {
      log.add(node, "\"ack\" should be left out: this format is answered row by row")
    }
    if url.contains("?"), let node = keys.take("url") {
      log.add(
        node, "\"url\" should be the service's root, such as https://city.example/v1.1, without a query (?)")
    }
    return options
  }

  /// A server takes the place of what is observed from the Thing's (OGC 18-088, 8.2.8).
  func requireLocation(_ location: Location?, of gateway: ConfigNode?, for destinations: [DestinationConfig])
  {
    let needy = destinations.first {
      if case .sensorThings = $0.format { true } else { false }
    }
    guard let needy, location == nil, let gateway, case .mapping = gateway.content, gateway["location"] == nil
    else { return }
    let example = "location: {longitude: 2.1734, latitude: 41.3851}"
    log.add(gateway, "\"gateway\" needs a place, \(example), for destination \(quoted(needy.name))")
  }
}
