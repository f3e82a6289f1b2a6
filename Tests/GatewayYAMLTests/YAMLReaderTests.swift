internal import GatewayCore
internal import GatewayYAML
internal import Testing

@Suite struct YAMLReaderTests {
  private func problem(_ bytes: [UInt8]) -> ConfigProblem? {
    do throws(ConfigProblem) {
      _ = try YAMLReader.read(bytes)
      return nil
    } catch { return error }
  }

  @Test func everyNodeKnowsItsPlaceFromOne() throws {
    let root = try YAMLReader.read(Array("a: 1\n\"bé\": [x, 'y']\n".utf8))
    let x = ConfigNode(.scalar("x", isPlain: true), line: 2, column: 8)
    let y = ConfigNode(.scalar("y", isPlain: false), line: 2, column: 11)
    let expected = ConfigNode(
      .mapping([
        (
          ConfigNode(.scalar("a", isPlain: true), line: 1, column: 1),
          ConfigNode(.scalar("1", isPlain: true), line: 1, column: 4)
        ),
        (
          ConfigNode(.scalar("bé", isPlain: false), line: 2, column: 1),
          ConfigNode(.sequence([x, y]), line: 2, column: 7)
        ),
      ]), line: 1, column: 1)
    #expect(root == expected)
  }

  @Test func keysMayRepeatAndKeepTheirOrder() throws {
    guard case .mapping(let pairs) = try YAMLReader.read(Array("b: 1\na: 2\nb: 3\n".utf8)).content else {
      Issue.record("not a mapping")
      return
    }
    #expect(pairs.map(\.value.line) == [1, 2, 3])
  }

  @Test func nestingIsBoundedAtItsPlace() {
    let limit = YAMLReader.maximumDepth
    #expect(
      problem(
        Array(repeating: UInt8(ascii: "["), count: limit) + Array(repeating: UInt8(ascii: "]"), count: limit))
        == nil)
    let deeper = problem(Array(repeating: UInt8(ascii: "["), count: 100_000))
    #expect(deeper?.line == 1)
    #expect(deeper?.column == limit + 1)
    let dashes = problem(Array(String(repeating: "- ", count: 100_000).utf8))
    #expect(dashes?.sentence == "the nesting should not be deeper than 32 levels")
    #expect(problem(Array(String(repeating: "? ", count: 100_000).utf8)) != nil)
    #expect(problem(Array(String(repeating: "{a: ", count: 100_000).utf8)) != nil)
  }

  @Test func sizeIsBounded() {
    let comment = [UInt8(ascii: "#")] + Array(repeating: UInt8(ascii: "x"), count: YAMLReader.maximumBytes)
    #expect(problem(comment)?.sentence == "the file should have at most 1 MiB")
  }

  @Test func aByteOrderMarkIsNoText() throws {
    let root = try YAMLReader.read([0xEF, 0xBB, 0xBF] + Array("a: 1".utf8))
    guard case .mapping(let pairs) = root.content else {
      Issue.record("not a mapping")
      return
    }
    #expect(pairs.map(\.key.content) == [.scalar("a", isPlain: true)])
  }

  @Test func anyBytesEndInATreeOrAProblem() {
    #expect(problem([]) != nil)
    #expect(problem([0]) != nil)
    #expect(problem([0xFF, 0xFE, 0x61, 0x00]) != nil)
    #expect(problem([0xFE, 0xFF, 0x00, 0x61]) != nil)
    #expect(problem([0xC2]) != nil)
    for byte in UInt8.min...UInt8.max {
      for other in [0x0A, 0x20, 0x22, 0x27, 0x3A, 0x5B, 0x7B, 0x7C, 0x80, 0xBF, byte] as [UInt8] {
        if let problem = problem([byte, other, byte]) { #expect(problem.line >= 1 && problem.column >= 1) }
      }
    }
  }
}
