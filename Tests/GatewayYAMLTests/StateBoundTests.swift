internal import GatewayCore
internal import GatewayYAML
internal import Testing

/// What the open windows know has to fit one commit.
@Suite struct StateBoundTests {
  /// The problems of so many points in devices of a hundred.
  private static func problems(_ count: Int, _ keys: String) throws -> [ConfigProblem] {
    var text = """
      gateway: {id: x}
      buses: [{name: lan, type: modbus-tcp, address: h}]
      devices:

      """
    for first in stride(from: 0, to: count, by: 100) {
      text += "  - name: d\(first)\n    bus: lan\n    points:\n"
      for point in first..<min(first + 100, count) {
        text += "      - {name: p\(point), at: input 1, type: uint32, \(keys)}\n"
      }
    }
    do {
      _ = try ConfigFile.check(Array(text.utf8), file: "test.yaml")
      return []
    } catch { return error.list }
  }

  @Test(
    arguments: [
      (10_000, "window: 60s"), (10_000, "window: 60s, functions: [sum, stddev, good]"),
      (10_000, "window: raw"), (10_000, "publish: aggregate, window: 60s, functions: [p50]"),
      (2500, "kind: state, window: 60s, functions: [durations]"), (1400, "window: 60s, functions: [p50]"),
      (800, "window: {length: 10m, slide: 1m}"), (150, "window: {length: 60m, slide: 1m}"),
    ])
  func whatFitsIsPossible(count: Int, keys: String) throws {
    #expect(try Self.problems(count, keys) == [])
  }

  @Test(
    arguments: [
      (10_000, "kind: state, window: 60s, functions: [durations]"), (2000, "window: 60s, functions: [p50]"),
      (1000, "window: {length: 10m, slide: 1m}"), (10_000, "window: {length: 60m, slide: 1m}"),
      (20, "kind: counter, window: {length: 60m, slide: 1m}, functions: [rate, p50]"),
      (10_000, "kind: counter, counter: {bits: 32}"), (10_000, "qc: {spike: 3}"),
    ])
  func whatDoesNotFitIsRefusedAtItsDevice(count: Int, keys: String) throws {
    let problems = try Self.problems(count, keys)
    #expect(problems.count == 1)
    for problem in problems {
      #expect(
        problem.sentence.contains("bytes on the disk; 1000000 are possible, up to this device; take a longer")
      )
    }
  }

  @Test func theDeviceIsTheOneThatExceedsIt() throws {
    // 95 bytes and 600 each: 1438 fit.
    let problem = try #require(try Self.problems(1600, "window: 60s, functions: [p50]").first)
    #expect(problem.line == 4 + 14 * 103)
    #expect(problem.sentence.hasPrefix("the open windows and counters would take 1112000 bytes"))
  }
}
