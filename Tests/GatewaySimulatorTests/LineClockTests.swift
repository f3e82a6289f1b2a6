import GatewayCore
import Testing

@testable import GatewaySimulator

/// The line's times, without a line.
@Suite struct LineClockTests {
  // 8N1 at 9600: a character takes 1041.67 us, silence 3645.8 us.
  private let pace = LinePace(baud: 9600)!
  private let request = rtuRequest(3, at: 0, count: 1)
  private var stats = FieldStats.Line()

  private func time(_ microseconds: Int64) -> BootTime { BootTime(microseconds: microseconds) }

  private mutating func arrive(_ bytes: [UInt8], _ line: inout LineClock, at microseconds: Int64) {
    bytes.withUnsafeBytes { line.arrive($0, now: time(microseconds), &stats) }
  }

  @Test func silenceIsThreeAndAHalfCharactersAndFixedAbove19200Baud() {
    #expect(pace.silence == .microseconds(3645))
    #expect(LinePace(baud: 19200, format: "8E1")!.silence == .microseconds(2005))
    #expect(LinePace(baud: 38400)!.silence == .microseconds(1750))
    #expect(LinePace(baud: 115_200)!.time(ofCharacters: 1) == .microseconds(87))
    #expect(LinePace(baud: 300, format: "7O2")!.bitsPerCharacter == 11)
    #expect(LinePace(baud: 300, format: "9N1") == nil && LinePace(baud: 0) == nil)
  }

  @Test mutating func aFrameEndsAfterItsCharactersAndTheSilence() {
    var line = LineClock(pace: pace)
    arrive(request, &line, at: 1000)
    let end = 1000 + 8334 + 3645 as Int64
    #expect(line.nextDue == time(end))
    #expect(line.takeFrame(now: time(end - 1), &stats) == nil)
    let frame = line.takeFrame(now: time(end + 500), &stats)
    #expect(frame?.bytes == request && frame?.end == time(end))
    #expect(line.nextDue == nil)
    #expect(stats.busy == .microseconds(8334) && stats.bytesIn == 8)
  }

  @Test mutating func aRequestInPiecesIsOneFrameAndOneWithoutSilenceIsNone() {
    var line = LineClock(pace: pace)
    arrive(Array(request.prefix(3)), &line, at: 0)
    arrive(Array(request.dropFirst(3)), &line, at: 5000)
    #expect(line.takeFrame(now: time(30_000), &stats)?.bytes == request)
    arrive(request, &line, at: 40_000)
    arrive(request, &line, at: 41_000)
    #expect(line.takeFrame(now: time(90_000), &stats) == nil)
    #expect(stats.damaged == 1)
  }

  @Test mutating func bytesLeaveOneCharacterAfterAnotherAndNeverBeforeTheirTime() {
    var line = LineClock(pace: pace)
    line.send([1, 2, 3], due: time(0), &stats)
    var left: [UInt8] = []
    for microseconds in 0...4000 as ClosedRange<Int64> {
      left += line.takeOutput(now: time(microseconds), &stats)
      #expect(left.count <= Int(microseconds * 9600 / 10_000_000))
      if let due = line.nextDue { #expect(due > time(microseconds)) }
    }
    #expect(left == [1, 2, 3] && stats.bytesOut == 3 && line.backlog == 0)
  }

  @Test mutating func theLineWaitsForNobodyWhoIsLate() {
    var line = LineClock(pace: pace)
    line.send(Array(1...10), due: time(0), &stats)
    // Taken at nine and a half characters: nine are over. The tenth's time does not move.
    #expect(line.takeOutput(now: time(9_900), &stats).count == 9)
    #expect(line.nextDue == time(10_417))
    // What is said meanwhile follows without a pause.
    line.send([11], due: time(9_950), &stats)
    #expect(line.takeOutput(now: time(10_417), &stats) == [10])
    #expect(line.nextDue == time(11_459))
  }

  @Test mutating func aRequestIsAViolationUpToTheSilenceAndNoLonger() {
    for (wait, violations) in [(0, 1), (3000, 1), (3643, 1), (3644, 0), (3645, 0), (9000, 0)]
      as [(Int64, UInt64)]
    {
      var line = LineClock(pace: pace)
      stats = FieldStats.Line()
      line.send([1, 2], due: time(0), &stats)
      _ = line.takeOutput(now: time(2084), &stats)
      arrive(request, &line, at: 2084 + wait)
      #expect(stats.silenceViolations == violations, "\(wait) us")
    }
  }

  @Test mutating func withoutAPaceFramesAreToldApartByTheirFunction() {
    var line = LineClock(pace: nil)
    arrive(request + request + request.prefix(5), &line, at: 0)
    #expect(line.takeFrame(now: time(0), &stats)?.bytes == request)
    #expect(line.takeFrame(now: time(0), &stats)?.bytes == request)
    #expect(line.takeFrame(now: time(0), &stats) == nil)
    arrive(Array(request.dropFirst(5)), &line, at: 50_000)
    #expect(line.takeFrame(now: time(50_000), &stats)?.bytes == request)
    // The rest of a frame that does not come is not waited for.
    arrive(Array(request.prefix(5)), &line, at: 60_000)
    arrive(request, &line, at: 400_000)
    #expect(line.takeFrame(now: time(400_000), &stats)?.bytes == request)
    #expect(stats.damaged == 1 && stats.silenceViolations == 0 && stats.busy == .zero)
  }

  // Checksums printed elsewhere: the check value of CRC-16/MODBUS, and frames of manuals.
  @Test(
    arguments: [
      (Array("123456789".utf8), [0x37, 0x4B]), ([0x11, 0x03, 0x00, 0x6B, 0x00, 0x03], [0x76, 0x87]),
      ([0x01, 0x04, 0x02, 0xFF, 0xFF], [0xB8, 0x80]), ([0x02, 0x07], [0x41, 0x12]),
    ] as [([UInt8], [UInt8])])
  func checksumsAreTheStandards(_ body: [UInt8], _ sum: [UInt8]) {
    #expect(RTUFrame.sealed(body) == body + sum)
    #expect((body + sum).withUnsafeBytes { RTUFrame.isSound($0) })
    #expect(!(body + sum.reversed()).withUnsafeBytes { RTUFrame.isSound($0) })
  }
}
