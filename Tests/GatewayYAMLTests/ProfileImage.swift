internal import GatewaySystem
internal import Testing

/// What a device would answer, and what its profile must make of it: lines such as
/// `input 72: 44C1 EBD7 | import-energy 1551.36`, or for a device that talks `frame: 42 4D …` and lines such as
/// `value: pm10 37`. A value of `-` is none; `---` begins another image. They are made without the gateway's own
/// code, as the head of each file says.
struct ProfileImage {
  static let folder = "\(Fixtures.folder)/profiles"

  struct Register: Hashable {
    let table: String
    let address: Int
  }

  var registers: [Register: UInt16] = [:]
  var frame: [UInt8] = []
  var values: [String: Double?] = [:]

  static func read(_ profile: String) throws -> [ProfileImage] {
    var images = [ProfileImage()]
    for line in try Fixtures.text("\(folder)/\(profile).image").split(separator: "\n") {
      if line.hasPrefix("#") { continue }
      if line == "---" { images.append(ProfileImage()) } else { try images[images.count - 1].add(line) }
    }
    return images
  }

  private mutating func add(_ line: Substring) throws {
    let place = line.prefix { $0 != ":" }
    let rest = line.dropFirst(place.count + 2)
    switch place {
    case "frame": frame = rest.split(separator: " ").compactMap { UInt8($0, radix: 16) }
    case "value": try add(value: rest)
    default:
      let halves = rest.split(separator: " | ")
      try #require(halves.count == 2, "\(line)")
      try add(registers: halves[0], at: place)
      try add(value: halves[1])
    }
  }

  private mutating func add(registers words: Substring, at place: Substring) throws {
    let parts = place.split(separator: " ")
    let address = try #require(Int(parts[1]))
    for (offset, word) in words.split(separator: " ").enumerated() {
      let register = Register(table: String(parts[0]), address: address + offset)
      try #require(registers[register] == nil, "two points in \(register)")
      let number: UInt16 = try #require(UInt16(word, radix: 16))
      registers[register] = number
    }
  }

  private mutating func add(value text: Substring) throws {
    let parts = text.split(separator: " ")
    let number = Double(parts[1])
    try #require(number != nil || parts[1] == "-", "\(text)")
    values[String(parts[0])] = .some(number)
  }
}
