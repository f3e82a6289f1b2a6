package import GatewayCore

/// Makes what a gateway needs at a SensorThings server, and finds what is there: a Thing with its Location, a Sensor for
/// each device, an ObservedProperty for each kind of point, a Datastream for each point (OGC 18-088, 8.2). Everything
/// is looked for by its name before it is made, and looked for again afterwards: that is where its id comes from, and
/// what is begun and broken off goes on with what is there. Only ObservedProperties are shared with other gateways.
package struct Provisioner {
  package struct Result: Equatable, Sendable {
    package var book: DatastreamBook
    /// Entities that were not there.
    package var created: Int
  }

  private static let page = 100

  private let client: PlatformClient
  private let documents: ThingsDocuments
  private let url: String
  private var created = 0
  /// By path and name.
  private var ensured: [String: ThingsID] = [:]

  package init(_ client: PlatformClient, url: String, gateway: String, location: Location) {
    self.client = client
    self.url = url
    documents = ThingsDocuments(gateway: gateway, location: location)
  }

  /// `points`: those of a key are looked at once.
  package mutating func run(_ points: [PointDescription]) throws(PlatformClient.Trouble) -> Result {
    let thing = try thing()
    var known = try datastreams(of: thing)
    var missing: [String: PointDescription] = [:]
    for point in points where known[DatastreamBook.key(of: point)] == nil {
      missing[DatastreamBook.key(of: point)] = point
    }
    for (_, point) in missing.sorted(by: { $0.key < $1.key }) {
      let (device, quantity) = ThingsDocuments.parts(of: point.datastreamName)
      let sensor = try ensure("/Sensors", documents.sensor(device))
      let property = try ensure("/ObservedProperties", documents.property(quantity))
      try create(
        "/Datastreams", documents.datastream(point, thing: thing, sensor: sensor, property: property))
    }
    if !missing.isEmpty { known = try datastreams(of: thing) }
    var wanted: [String: ThingsID] = [:]
    for point in points {
      guard let id = known[DatastreamBook.key(of: point)] else {
        throw PlatformClient.Trouble(
          "\(url) does not show the Datastream of \"\(point.datastreamName)\" that it took")
      }
      wanted[DatastreamBook.key(of: point)] = id
    }
    let book = DatastreamBook(url: url, gateway: documents.gateway, thing: thing, datastreams: wanted)
    return Result(book: book, created: created)
  }

  private mutating func create(_ path: String, _ document: JSONValue) throws(PlatformClient.Trouble) {
    try client.post(document, to: path)
    created += 1
  }

  private mutating func thing() throws(PlatformClient.Trouble) -> ThingsID {
    let thing = try ensure("/Things", documents.thing)
    let locations = "/Things(\(thing.urlText))/Locations"
    if try list("\(locations)?$select=name").isEmpty { try create(locations, documents.place) }
    return thing
  }

  /// The id of what has the document's name and is this gateway's, or everybody's.
  private mutating func ensure(
    _ path: String, _ document: JSONValue
  ) throws(PlatformClient.Trouble) -> ThingsID {
    let place = "\(path) \(document["name"]?.string ?? "")"
    if let id = ensured[place] { return id }
    var id = try find(path, document)
    if id == nil {
      try create(path, document)
      id = try find(path, document)
    }
    guard let id else { throw PlatformClient.Trouble("\(url)\(path) does not show what it took: \(place)") }
    ensured[place] = id
    return id
  }

  private func find(_ path: String, _ document: JSONValue) throws(PlatformClient.Trouble) -> ThingsID? {
    let name = document["name"]?.string ?? ""
    let found = try list("\(path)?$filter=name%20eq%20\(ThingsPath.literal(name))").filter { entity in
      entity["name"] == document["name"] && entity["definition"] == document["definition"]
        && (document["definition"] != nil || entity["properties"]?["gateway"]?.string == documents.gateway)
    }
    // The same one each time, should there be more.
    return found.compactMap { $0["@iot.id"].flatMap(ThingsID.init) }.min { $0.text < $1.text }
  }

  /// By key.
  private func datastreams(of thing: ThingsID) throws(PlatformClient.Trouble) -> [String: ThingsID] {
    var known: [String: ThingsID] = [:]
    for entity in try list("/Things(\(thing.urlText))/Datastreams?$select=id,name,properties") {
      guard let name = entity["name"]?.string, let unit = entity["properties"]?["unit"]?.string,
        let id = entity["@iot.id"].flatMap(ThingsID.init)
      else { continue }
      let key = "\(name) \(unit)"
      if let before = known[key], before.text < id.text { continue }
      known[key] = id
    }
    return known
  }

  /// All pages; `path` has a query.
  private func list(_ path: String) throws(PlatformClient.Trouble) -> [JSONValue] {
    var all: [JSONValue] = []
    while all.count < 100_000 {
      let page = try client.get("\(path)&$top=\(Self.page)&$skip=\(all.count)")
      guard let values = page["value"]?.array else {
        throw PlatformClient.Trouble("\(url)\(path) answers with no list of entities")
      }
      all += values
      if values.isEmpty || page["@iot.nextLink"] == nil { break }
    }
    return all
  }
}
