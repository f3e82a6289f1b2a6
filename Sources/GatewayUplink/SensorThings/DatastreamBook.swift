package import GatewayCore
package import GatewaySystem

/// Which Datastream of a SensorThings server is whose, as `gatewayctl provision` found or made them. Kept as a file in
/// the state directory. An id is a number or a text, and nothing is known of it but that (OGC 18-088, 8.1).
package struct DatastreamBook: Equatable, Sendable {
  /// Why there is none that can be used: half a sentence.
  package struct Flaw: Error, Equatable { package var text: String }

  /// The server's root, as configured.
  package var url: String
  package var gateway: String
  /// Of the Thing that stands for the gateway.
  package var thing: ThingsID
  /// By `key(of:)`.
  package var datastreams: [String: ThingsID]

  package init(url: String, gateway: String, thing: ThingsID, datastreams: [String: ThingsID]) {
    self.url = url
    self.gateway = gateway
    self.thing = thing
    self.datastreams = datastreams
  }

  /// Values in another unit are another Datastream's; an alarm has one of its own, without a unit. Names have no
  /// blanks.
  package static func key(of point: PointDescription) -> String {
    "\(point.datastreamName) \(UnitNames.code(point.datastreamUnit))"
  }

  private static let limit = 4 << 20

  package static func fileName(for destination: String) -> String { "sensorthings-\(destination).json" }

  /// Reads the book of a destination; it must be this gateway's, and of the configured server.
  package static func load(
    from directory: String, _ destination: DestinationConfig, gateway: String
  ) throws(Flaw) -> DatastreamBook {
    let path = "\(directory)/\(fileName(for: destination.name))"
    let bytes: [UInt8]
    do { bytes = try readFile(path, limit: limit) } catch {
      throw Flaw(text: "no Datastream of it is known (\(error))")
    }
    guard let book = DatastreamBook(parsing: bytes) else { throw Flaw(text: "\"\(path)\" is damaged") }
    guard book.url == destination.url else {
      throw Flaw(text: "the known Datastreams are of \"\(book.url)\"")
    }
    guard book.gateway == gateway else {
      throw Flaw(text: "the known Datastreams are of gateway \"\(book.gateway)\"")
    }
    return book
  }

  /// Durable when it returns.
  package func save(to directory: String, for destination: String) throws(SystemError) {
    var buffer = ByteBuffer(capacity: 4096)
    JSONWriter.append(json, to: &buffer)
    try replaceFile("\(directory)/\(Self.fileName(for: destination))", by: buffer.copyBytes())
  }

  private var json: JSONValue {
    .object([
      "version": .signed(1), "url": .string(url), "gateway": .string(gateway), "thing": thing.json,
      "datastreams": .object(datastreams.mapValues(\.json)),
    ])
  }

  /// nil for what `save` does not write.
  private init?(parsing bytes: [UInt8]) {
    guard let json = try? JSONValue(parsing: bytes), json["version"]?.integer == 1,
      let url = json["url"]?.string, let gateway = json["gateway"]?.string,
      let thing = json["thing"].flatMap(ThingsID.init), let streams = json["datastreams"]?.object
    else { return nil }
    var datastreams: [String: ThingsID] = [:]
    for (key, value) in streams {
      guard let id = ThingsID(value) else { return nil }
      datastreams[key] = id
    }
    self.init(url: url, gateway: gateway, thing: thing, datastreams: datastreams)
  }
}

/// An entity's `@iot.id`.
package struct ThingsID: Hashable, Sendable {
  /// As JSON has it: `42` or `"a1"`.
  package let text: String

  /// nil for what is neither a whole number nor a text.
  package init?(_ json: JSONValue) {
    switch json {
    case .signed, .unsigned, .string: break
    default: return nil
    }
    var buffer = ByteBuffer(capacity: 64)
    JSONWriter.append(json, to: &buffer)
    text = buffer.withBytes { String(decoding: $0, as: UTF8.self) }
  }

  // What `init` wrote.
  package var json: JSONValue { (try? JSONValue(parsing: text)) ?? .null }

  /// Between the parentheses of a URL: `42`, or `'a1'` with its quotes doubled (OData 4.0 part 2, 5.1.1.6.2).
  package var urlText: String {
    guard let name = json.string else { return text }
    return ThingsPath.literal(name)
  }
}

/// Parts of a SensorThings URL.
package enum ThingsPath {
  /// A text as it stands in a path or a filter, percent-encoded.
  package static func literal(_ text: String) -> String {
    "'" + encoded(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")) + "'"
  }

  /// RFC 3986, 2.1: all but unreserved characters, and the quote, as %XX.
  package static func encoded(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      let scalar = Unicode.Scalar(byte)
      let isPlain =
        scalar.properties.isAlphabetic && byte < 0x80 || (0x30...0x39).contains(byte)
        || [0x2D, 0x2E, 0x5F, 0x7E, 0x27].contains(byte)
      result += isPlain ? String(scalar) : "%" + HexText.of([byte])
    }
    return result
  }
}

extension PointDescription {
  /// `device.point`, of an alarm `device.point.alarm`.
  package var datastreamName: String { alarm.map { "\(name).\($0)" } ?? name }
  /// What is observed of an alarm is whether it is raised.
  package var datastreamUnit: String? { alarm == nil ? unit : nil }
}
