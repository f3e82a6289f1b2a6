internal import GatewaySystem
internal import Testing

/// What a device would answer, and what its profile must make of it: lines such as
/// `input 72: 44C1 EBD7 | import-energy 1551.36`, a value of `-` where there is none; `---` begins another image.
/// They are made without the gateway's own code, as the head of each file says.
struct ProfileImage {
  static let folder = "\(Fixtures.folder)/profiles"

  struct Register: Hashable {
    let table: String
    let address: Int
  }

  var registers: [Register: UInt16] = [:]
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
    let halves = line.split(separator: " | ")
    try #require(halves.count == 2, "\(line)")
    let place = halves[0].split(separator: ": ")
    let (head, value) = (place[0].split(separator: " "), halves[1].split(separator: " "))
    let address = try #require(Int(head[1]))
    for (offset, word) in place[1].split(separator: " ").enumerated() {
      let register = Register(table: String(head[0]), address: address + offset)
      try #require(registers[register] == nil, "two points in one register: \(line)")
      let number: UInt16 = try #require(UInt16(word, radix: 16))
      registers[register] = number
    }
    let number = Double(value[1])
    try #require(number != nil || value[1] == "-", "\(line)")
    values[String(value[0])] = .some(number)
  }
}
