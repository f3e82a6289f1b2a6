internal import GatewayCore
internal import GatewaySystem
internal import GatewayYAML
internal import Testing

@Suite struct ConfigMutationTests {
  /// Seeds that once failed stay in the list behind the random one.
  @Test(arguments: [UInt64.random(in: 0...UInt64.max), 1, 2])
  func aDamagedFileIsReadOrRefusedAtAPlace(seed: UInt64) throws {
    print("mutation seed \(seed)")
    var generator = SplitMix(seed: seed)
    let original = try readFile(Fixtures.example)
    let lines = original.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).count
    var refused = 0
    for _ in 0..<700 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...3, using: &generator) { mutate(&bytes, &generator) }
      let problems = Fixtures.problems(bytes)
      refused += problems.isEmpty ? 0 : 1
      for problem in problems {
        #expect(problem.line >= 1 && problem.line <= 2 * lines && problem.column >= 1, "seed \(seed)")
        #expect(!problem.sentence.isEmpty, "seed \(seed)")
      }
      #expect(problems == problems.sorted(), "seed \(seed)")
    }
    #expect(refused > 0)
  }

  /// What is wrong with a profile is found at a place of the profile, whatever has become of it.
  @Test(arguments: [UInt64.random(in: 0...UInt64.max), 3])
  func aDamagedProfileIsTakenOrRefusedAtAPlace(seed: UInt64) throws {
    print("mutation seed \(seed)")
    var generator = SplitMix(seed: seed)
    let original = try readFile("\(Fixtures.profiles)/carlo-gavazzi-em340.yaml")
    let device =
      "{name: d, bus: lan, profile: p, every: 1s, points: [{name: power, unit: KWT}], only: [frequency]}"
    let root = try YAMLReader.read(
      Array(
        "{gateway: {id: x}, buses: [{name: lan, type: modbus-tcp, address: h}], devices: [\(device)]}".utf8))
    var refused = 0
    for _ in 0..<700 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...3, using: &generator) { mutate(&bytes, &generator) }
      let entry: Profiles.Entry
      do { entry = .found(try YAMLReader.read(bytes, file: "p.yaml")) } catch { entry = .broken(error) }
      do {
        _ = try ConfigCheck.check(root, file: "x.yaml", profiles: Profiles(entries: ["p": entry]))
      } catch {
        refused += 1
        // A point that was renamed is missed where the device names it.
        let misses = ["has no point", "needs the key", "is for a serial bus"]
        for problem in error.list where problem.file != "p.yaml" {
          #expect(misses.contains { problem.sentence.contains($0) }, "seed \(seed): \(problem)")
        }
      }
    }
    #expect(refused > 0)
  }
}

/// One small damage, as a hand or a medium does it.
private func mutate(_ bytes: inout [UInt8], _ generator: inout SplitMix) {
  guard bytes.count > 2 else { return }
  let place = Int.random(in: 0..<bytes.count, using: &generator)
  switch Int.random(in: 0..<6, using: &generator) {
  case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
  case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
  case 2: bytes.removeSubrange(place..<min(place + Int.random(in: 1...40, using: &generator), bytes.count))
  case 3: bytes.removeSubrange(place...)
  case 4:
    bytes.insert(Array("{}[]:,\"'&*!|>%@`-?#\t\n ~<".utf8).randomElement(using: &generator)!, at: place)
  default:
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let (one, other) = (
      lines.indices.randomElement(using: &generator)!, lines.indices.randomElement(using: &generator)!
    )
    lines.swapAt(one, other)
    bytes = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
  }
}
