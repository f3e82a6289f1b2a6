import Glibc
import Testing

@testable import GatewayCore

/// The table of models against extracts of the official schemas (Fixtures, with their licence).
@Suite struct SmartModelTests {
  private let models: [String: JSONValue]

  init() throws {
    let folder = String(#filePath.reversed().drop { $0 != "/" }.reversed())
    let file = try #require(fopen("\(folder)Fixtures/smart-data-models.json", "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    models = try #require(try JSONValue(parsing: Array(bytes[..<count]))["models"]?.object)
  }

  private static let common = ["name", "alternateName", "description", "dataProvider", "owner", "source"]

  @Test func theTableHasEveryModelAndAttributeOfTheSchemas() throws {
    #expect(Set(SmartModel.all.map(\.name)) == Set(models.keys))
    for model in SmartModel.all {
      let schema = try #require(models[model.name])
      let required = try #require(schema["required"]?.array).compactMap(\.string)
      #expect(model.required == required.filter { $0 != "location" }, "\(model.name)")
      #expect(model.needsLocation == required.contains("location"), "\(model.name)")
      #expect(model.subject == schema["subject"]?.string)
      let official = try #require(schema["attributes"]?.object)
      let ours = model.attributes.map(\.name).filter { !Self.common.contains($0) }
      #expect(Set(ours) == Set(official.keys), "\(model.name)")
      #expect(ours.count == Set(ours).count)
      for (name, facts) in official {
        let attribute = try #require(model.attribute(name))
        #expect(fits(attribute, facts), "\(model.name).\(name): \(attribute) is not \(facts)")
      }
    }
  }

  private func fits(_ attribute: SmartAttribute, _ facts: JSONValue) -> Bool {
    let words = facts["enum"]?.array?.compactMap(\.string)
    switch attribute.form {
    case .number, .angle: return facts["type"] == .string("number") && hasRange(attribute, facts)
    case .integer: return facts["type"] == .string("integer") && hasRange(attribute, facts)
    case .flag: return facts["type"] == .string("boolean")
    case .word(let ours): return ours == words
    case .text, .date, .link: return facts["type"] == .string("string") && words == nil
    case .links: return facts["type"] == .string("array") && facts["items"]?["format"] == .string("uri")
    case .words(let ours): return ours == facts["items"]?["enum"]?.array?.compactMap(\.string) ?? []
    case .parts(let ours):
      guard let parts = facts["properties"]?.object, Set(ours) == Set(parts.keys) else { return false }
      return parts.values.allSatisfy { hasRange(attribute, $0) }
    }
  }

  private func hasRange(_ attribute: SmartAttribute, _ facts: JSONValue) -> Bool {
    attribute.range.lowerBound == facts["minimum"]?.double ?? -.infinity
      && attribute.range.upperBound == facts["maximum"]?.double ?? .infinity
  }

  @Test func everyUnitOfTheTableIsKnown() {
    for model in SmartModel.all {
      for attribute in model.attributes {
        for unit in attribute.units ?? [] {
          #expect(UnitConversion.isKnown(unit), "\(model.name).\(attribute.name): \(unit)")
        }
        #expect(attribute.form != .angle || attribute.range.upperBound - attribute.range.lowerBound == 360)
      }
    }
  }

  @Test func aDirectionComesRoundIntoItsModelsRange() throws {
    let air = try #require(SmartModel.named("AirQualityObserved")?.attribute("windDirection"))
    let weather = try #require(SmartModel.named("WeatherObserved")?.attribute("windDirection"))
    #expect([0, 90, 180, 181, 270, 359].map(air.turned) == [0, 90, 180, -179, -90, -1])
    #expect([-90, -1, 0, 360].map(weather.turned) == [270, 359, 0, 360])
    let humidity = try #require(SmartModel.named("WeatherObserved")?.attribute("relativeHumidity"))
    #expect(humidity.turned(400) == 400)
  }

  @Test(arguments: [
    ("P1", "C62", 56.3, 0.563), ("KMH", "MTS", 36, 10), ("MTS", "KMH", 10, 36), ("BAR", "A97", 1.013, 1013),
    ("PAL", "A97", 101_325, 1013.25), ("KEL", "CEL", 293.2, 20.05), ("CEL", "KEL", 20.05, 293.2),
    ("FAH", "CEL", 212, 100), ("WTT", "KWT", 1234, 1.234), ("MMT", "MTR", 4200, 4.2), ("GP", "GQ", 0.5, 500),
    ("61", "59", 40, 0.04), ("MQH", "MQS", 3600, 1), ("4K", "AMP", 20, 0.02), ("XYZ", "XYZ", 7, 7),
  ])
  func unitsOfOneKindAreConverted(from: String, to: String, value: Double, result: Double) throws {
    #expect(try #require(UnitConversion(from: from, to: to)).apply(value) == result)
  }

  @Test(arguments: [
    ("CEL", "A97"), ("P1", "P9"), ("KWH", "KWT"), ("K3", "KWH"), ("GQ", "59"), ("D44", "WTT"),
  ])
  func unitsOfTwoKindsAreNot(from: String, to: String) { #expect(UnitConversion(from: from, to: to) == nil) }
}
