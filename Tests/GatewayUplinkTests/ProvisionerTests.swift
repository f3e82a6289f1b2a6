import GatewayCore
import GatewaySimulator
import GatewaySystem
import GatewayUplink
import Glibc
import Testing

/// Entities at a SensorThings server, over real sockets.
@Suite struct ProvisionerTests {
  private let points =
    MemoryQueue.defaultPoints + [
      PointDescription(
        name: "canopy.temperature", unit: "CEL", kind: .gauge, window: .raw, functions: .standard)
    ]

  private func run(
    _ url: String, _ points: [PointDescription], gateway: String = "cabinet-0417"
  ) throws -> Provisioner.Result {
    let files = SecretFiles(credentialsDirectory: nil, configDirectory: "/nonexistent")
    let client = try PlatformClient(DestinationConfig(name: "frost", url: url, usesGzip: false), files: files)
    var provisioner = Provisioner(
      client, url: url, gateway: gateway, location: Location(longitude: 2.1734, latitude: 41.3851))
    return try provisioner.run(points)
  }

  @Test(arguments: [SensorThingsSimulator.Manner.frost, .django])
  func whatIsMissingIsMadeOnceHoweverOftenItIsAskedFor(manner: SensorThingsSimulator.Manner) throws {
    let server = try SensorThingsSimulator(manner)
    defer { server.stop() }
    let first = try run(server.url, Array(points.prefix(2)))
    // A Thing, two Sensors, two ObservedProperties, two Datastreams; the Location comes with the Thing.
    #expect(first.created == 7 && first.book.datastreams.count == 2)
    #expect(Set(first.book.datastreams.keys) == ["canopy.no2 GQ", "io.door C62"])
    let again = try run(server.url, Array(points.prefix(2)))
    #expect(again.created == 0 && again.book == first.book)
    let more = try run(server.url, points)
    // Its Sensor is there.
    #expect(more.created == 2 && more.book.datastreams.count == 3)
    // Another unit is another Datastream.
    let other = PointDescription(
      name: "canopy.no2", unit: "GP", kind: .gauge, window: .raw, functions: .standard)
    #expect(try run(server.url, points + [other]).created == 1)
    // A neighbour has everything but the ObservedProperties for itself.
    let neighbour = try run(server.url, points, gateway: "cabinet-0418")
    #expect(neighbour.created == 6 && neighbour.book.thing != first.book.thing)
    #expect(Set(neighbour.book.datastreams.values).isDisjoint(with: more.book.datastreams.values))
    for (set, count) in [
      ("Things", 2), ("Locations", 2), ("Sensors", 4), ("ObservedProperties", 3), ("Datastreams", 7),
    ] { #expect(server.count(set) == count, "\(set)") }
  }

  @Test func aHundredPointsAreFoundOnAllPages() throws {
    let server = try SensorThingsSimulator()
    defer { server.stop() }
    let many = (0..<100).map { number in
      PointDescription(name: "d.p\(number)", unit: nil, kind: .gauge, window: .raw, functions: .standard)
    }
    let first = try run(server.url, many)
    #expect(first.book.datastreams.count == 100 && server.count("Datastreams") == 100)
    #expect(try run(server.url, many).created == 0)
  }

  /// Whatever was begun and broken off at any request: the next run makes the rest.
  @Test func aRunThatIsBrokenOffIsFinishedByTheNext() throws {
    for cut in 0..<12 {
      let server = try SensorThingsSimulator()
      defer { server.stop() }
      server.breakOff(after: cut, isStored: cut % 2 == 0)
      #expect(throws: PlatformClient.Trouble.self) { try run(server.url, points) }
      #expect(try run(server.url, points).book.datastreams.count == 3)
      for (set, count) in [
        ("Things", 1), ("Locations", 1), ("Sensors", 2), ("ObservedProperties", 3), ("Datastreams", 3),
      ] { #expect(server.count(set) == count, "\(set), cut at request \(cut)") }
    }
  }

  @Test func theBookIsReadAsItWasWrittenAndByNobodyElse() throws {
    let directory = try TemporaryDirectory()
    let destination = DestinationConfig(name: "frost", url: "https://frost.example/v1.1")
    let book = DatastreamBook(
      url: destination.url, gateway: "c", thing: try #require(ThingsID(.string("a\"'ü"))),
      datastreams: ["canopy.no2 GQ": try #require(ThingsID(.signed(42)))])
    func flaw(_ change: (inout DestinationConfig) -> Void = { _ in }, gateway: String = "c") -> String? {
      var destination = destination
      change(&destination)
      do throws(DatastreamBook.Flaw) {
        _ = try DatastreamBook.load(from: directory.path, destination, gateway: gateway)
        return nil
      } catch { return error.text }
    }
    #expect(flaw()?.hasPrefix("no Datastream of it is known (cannot read") == true)
    try book.save(to: directory.path, for: "frost")
    try book.save(to: directory.path, for: "frost")
    #expect(try DatastreamBook.load(from: directory.path, destination, gateway: "c") == book)
    #expect(
      flaw { $0.url = "https://other.example/v1.1" }
        == #"the known Datastreams are of "https://frost.example/v1.1""#)
    #expect(flaw(gateway: "d") == #"the known Datastreams are of gateway "c""#)
    let path = "\(directory.path)/sensorthings-frost.json"
    let bytes = try readFile(path)
    for text in [
      "", "{}", String(decoding: bytes.dropLast(), as: UTF8.self),
      #"{"version":1,"url":"u","gateway":"c","thing":1.5,"datastreams":{}}"#,
      #"{"version":1,"url":"u","gateway":"c","thing":1,"datastreams":{"a C62":null}}"#,
    ] {
      directory.write("sensorthings-frost.json", text)
      #expect(flaw() == "\"\(path)\" is damaged", "\(text)")
    }
  }
}
