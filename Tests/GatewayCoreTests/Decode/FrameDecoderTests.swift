import Testing

@testable import GatewayCore

@Suite struct FrameDecoderTests {
  /// A shape, how a frame of it is made, and where one begins.
  struct Kind: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let shape: FrameShape
    let make: @Sendable (inout SplitMix) -> [UInt8]
    /// What the decoder gives of it.
    let content: @Sendable ([UInt8]) -> [UInt8]
    let begins: @Sendable (ArraySlice<UInt8>) -> Bool
    /// Bytes that noise should be full of.
    let lures: [UInt8]
  }

  private static func payload(_ counts: ClosedRange<Int>, _ generator: inout SplitMix) -> [UInt8] {
    (0..<Int.random(in: counts, using: &generator)).map { _ in .random(in: 0...255, using: &generator) }
  }

  static let kinds = [
    Kind(
      testDescription: "nmea", shape: .nmea(needsChecksum: true),
      make: { generator in
        let value = Double(Int.random(in: 0...3599, using: &generator)) / 10
        return FrameForge.sentence("WIMWV,\(value),R,\(value / 10),M,A") + [0x0D, 0x0A]
      }, content: { Array($0.dropFirst().prefix { $0 != 0x2A }) }, begins: FrameForge.beginsSentence,
      lures: Array("$!*,WI4\r\n".utf8)),
    Kind(
      testDescription: "plantower", shape: .binary(plantower),
      make: { FrameForge.plantower(payload(0...30, &$0)) }, content: { $0 },
      begins: FrameForge.beginsPlantower, lures: [0x42, 0x4D, 0x00, 0x1C]),
    Kind(
      testDescription: "nova", shape: .binary(nova), make: { FrameForge.nova(payload(6...6, &$0)) },
      content: { $0 }, begins: FrameForge.beginsNova, lures: [0xAA, 0xC0, 0xAB]),
    Kind(
      testDescription: "crc", shape: .binary(crcFrame), make: { FrameForge.crc(payload(0...36, &$0)) },
      content: { $0 }, begins: FrameForge.beginsCRC, lures: [0x7E, 0x01, 0x00]),
  ]

  private func noise(_ kind: Kind, _ generator: inout SplitMix) -> [UInt8] {
    (0..<Int.random(in: 0...30, using: &generator)).map { _ in
      Bool.random(using: &generator)
        ? kind.lures.randomElement(using: &generator)! : .random(in: 0...255, using: &generator)
    }
  }

  /// A frame without its end, or with one byte changed: its sum cannot be right.
  private func damaged(_ kind: Kind, _ generator: inout SplitMix) -> [UInt8] {
    var frame = kind.make(&generator)
    if Bool.random(using: &generator) {
      return Array(frame.prefix(Int.random(in: 0..<frame.count - 2, using: &generator)))
    }
    let place = Int.random(in: 0..<frame.count - 2, using: &generator)
    frame[place] ^= UInt8.random(in: 1...255, using: &generator)
    return frame
  }

  /// Good frames between noise and damage. Made again while chance put another valid frame into it, by the
  /// forge's judgement: then it is exact which frames there are.
  private func stream(
    _ kind: Kind, _ generator: inout SplitMix
  ) -> (bytes: [UInt8], frames: [[UInt8]]) {
    while true {
      var (bytes, frames, places): ([UInt8], [[UInt8]], [Int]) = ([], [], [])
      for _ in 0..<Int.random(in: 1...12, using: &generator) {
        switch Int.random(in: 0...3, using: &generator) {
        case 0: bytes += noise(kind, &generator)
        case 1: bytes += damaged(kind, &generator)
        default:
          let frame = kind.make(&generator)
          places.append(bytes.count)
          frames.append(kind.content(frame))
          bytes += frame
        }
      }
      if FrameForge.places(bytes, kind.begins) == places { return (bytes, frames) }
    }
  }

  @Test(arguments: kinds)
  func everyGoodFrameIsFoundAndNoOther(kind: Kind) {
    for seed in [UInt64.random(in: 0 ... .max), 1, 2] {
      print("frame stream seed \(seed)")
      var generator = SplitMix(seed: seed)
      for round in 0..<150 {
        let (bytes, frames) = stream(kind, &generator)
        for found in framesOfAllCuts(kind.shape, bytes, using: &generator) where found != frames {
          Issue.record("seed \(seed), round \(round): \(found) instead of \(frames) in \(bytes)")
          return
        }
      }
    }
  }

  @Test(arguments: [UInt64.random(in: 0 ... .max), 3])
  func wholeLinesComeHoweverTheyAreCut(seed: UInt64) {
    print("line stream seed \(seed)")
    var generator = SplitMix(seed: seed)
    for delimiter in [[0x0A], [0x0D], [0x0D, 0x0A], Array("##".utf8)] as [[UInt8]] {
      for _ in 0..<100 {
        let bytes = (0..<Int.random(in: 0...3000, using: &generator)).map { _ -> UInt8 in
          // Few delimiters, so that some lines are too long.
          Int.random(in: 0...400, using: &generator) == 0
            ? delimiter[0] : [0x0D, 0x0A, 0x23, 0x41].randomElement(using: &generator)!
        }
        let isAligned = Bool.random(using: &generator)
        let expected = lines(bytes, delimiter, isAligned: isAligned)
        for found in framesOfAllCuts(
          .lines(delimiter: delimiter), bytes, isAligned: isAligned, using: &generator)
        {
          #expect(found == expected, "seed \(seed)")
        }
      }
    }
  }

  /// By splitting all at once.
  private func lines(_ bytes: [UInt8], _ delimiter: [UInt8], isAligned: Bool) -> [[UInt8]] {
    var (lines, line, place): ([[UInt8]], [UInt8], Int) = ([], [], 0)
    while place < bytes.count {
      if bytes[place...].starts(with: delimiter) {
        lines.append(line)
        (line, place) = ([], place + delimiter.count)
      } else {
        line.append(bytes[place])
        place += 1
      }
    }
    return lines.dropFirst(isAligned ? 0 : 1).filter { $0.count <= FrameDecoder.longestFrame }.map { line in
      let isEnd: (UInt8) -> Bool = { $0 == 0x0D || $0 == 0x0A }
      return Array(line.drop(while: isEnd).reversed().drop(while: isEnd).reversed())
    }.filter { !$0.isEmpty }
  }

  @Test func theFirstLineIsOnlyTakenWhereItsBeginningIsKnown() {
    let bytes = Array("1.3\r\n21.4\r\n".utf8)
    var listener = FrameFeed(.lines(delimiter: [0x0A]))
    listener.feed(bytes)
    #expect(listener.frames == [Array("21.4".utf8)])
    var asker = FrameFeed(.lines(delimiter: [0x0A]), isAligned: true)
    asker.feed(bytes)
    #expect(asker.frames == [Array("1.3".utf8), Array("21.4".utf8)])
  }

  @Test func anEndlessLineIsCountedOnceAndCostsNoNextLine() {
    var feed = FrameFeed(.lines(delimiter: [0x0A]), isAligned: true)
    for _ in 0..<1000 { feed.feed([UInt8](repeating: 0x41, count: 200)) }
    #expect(feed.decoder.statistics.overflows == 1)
    feed.feed(Array("\nT,1\n".utf8))
    #expect(feed.frames == [Array("T,1".utf8)])
    #expect(feed.decoder.statistics.noise == 200_001)
  }

  @Test func whatStandsBetweenSoundSentencesIsNoNoise() {
    let bytes = FrameForge.sentence("WIMWV,1,R,2,M,A") + [0x0D, 0x0A]
    var feed = FrameFeed(.nmea(needsChecksum: true))
    for byte in bytes + bytes { feed.feed([byte]) }
    #expect(feed.frames.count == 2)
    #expect(feed.decoder.statistics.noise == 0)
  }

  @Test func aSentenceThatNeverEndsIsDropped() {
    var feed = FrameFeed(.nmea(needsChecksum: true))
    feed.feed(Array("$WIMWV,".utf8))
    for _ in 0..<100 { feed.feed([UInt8](repeating: 0x30, count: 100)) }
    #expect(feed.decoder.statistics.overflows == 1)
    feed.feed(FrameForge.sentence("WIMWV,1,R,2,M,A"))
    #expect(feed.frames == [Array("WIMWV,1,R,2,M,A".utf8)])
  }

  @Test func aGoodSentenceWithinABrokenOneIsFound() {
    let good = String(decoding: FrameForge.sentence("WIMWV,214.8,R,3.0,M,A"), as: UTF8.self)
    for text in [
      "$WIMWV,21\(good)\r\n", "$WIMWV,1,R,2*\(good)", "$WIMWV,1,R,2*4\(good)", "$\(good)", "*\(good)",
    ] {
      var feed = FrameFeed(.nmea(needsChecksum: true))
      feed.feed(Array(text.utf8))
      #expect(feed.frames == [Array("WIMWV,214.8,R,3.0,M,A".utf8)], "\(text)")
    }
  }

  @Test func aSentenceWithoutChecksumIsTakenOnlyWhereThatIsSaid() {
    let text = Array("$WIMWV,214.8,R,3.0,M,A\r\n$WIMWV,214.8,R,9.9,M,A*00\r\n".utf8)
    var strict = FrameFeed(.nmea(needsChecksum: true))
    strict.feed(text)
    #expect(strict.frames.isEmpty)
    #expect(strict.decoder.statistics.badChecksums == 2)
    var lenient = FrameFeed(.nmea(needsChecksum: false))
    lenient.feed(text)
    #expect(lenient.frames == [Array("WIMWV,214.8,R,3.0,M,A".utf8)])
    #expect(lenient.decoder.statistics.badChecksums == 1)
  }

  /// A false beginning that promises 64 bytes, and then a frame of 32 and silence.
  @Test func silenceEndsWhatWillNotBeCompleted() {
    let frame = FrameForge.plantower([UInt8](repeating: 7, count: 26))
    var feed = FrameFeed(.binary(plantower))
    feed.feed([0x42, 0x4D, 0x00, 60] + frame)
    #expect(feed.frames.isEmpty)
    feed.end()
    #expect(feed.frames == [frame])
    feed.feed(frame)
    #expect(feed.frames == [frame, frame])
    #expect(feed.decoder.statistics.noise == 4)
  }

  @Test func aRestartForgetsTheBeginningOfAFrame() {
    let frame = FrameForge.nova([1, 2, 3, 4, 5, 6])
    var feed = FrameFeed(.binary(nova))
    feed.feed(frame.prefix(5))
    feed.decoder.restart(isAligned: true)
    feed.feed(frame.dropFirst(5))
    #expect(feed.frames.isEmpty)
    feed.feed(frame)
    #expect(feed.frames == [frame])
  }

  @Test func aStatedLengthIsBounded() {
    for length in [0, 1, 61, 0xFFFF] {
      let head: [UInt8] = [0x42, 0x4D, UInt8(length >> 8), UInt8(length & 0xFF)]
      var feed = FrameFeed(.binary(plantower))
      feed.feed(head + FrameForge.plantower([1, 2]))
      #expect(feed.frames == [FrameForge.plantower([1, 2])], "\(length)")
    }
  }

  @Test func moreThanThereIsRoomForIsNotTaken() {
    var decoder = FrameDecoder(.lines(delimiter: [0x0A]))
    let bytes = [UInt8](repeating: 0x41, count: 3000)
    #expect(bytes.withUnsafeBytes { decoder.append($0) } == 2048)
    #expect(decoder.room == 0)
    #expect(bytes.withUnsafeBytes { decoder.append($0) } == 0)
    if decoder.next() != nil { Issue.record("a line without an end") }
    #expect(decoder.room == 2048)
  }

  /// Whatever comes: no trap, a bounded buffer, and every byte accounted for.
  @Test(arguments: kinds)
  func noMutationCrashesTheDecoderOrFillsIt(kind: Kind) {
    let seed = UInt64.random(in: 0 ... .max)
    print("frame mutation seed \(seed)")
    var generator = SplitMix(seed: seed)
    var feed = FrameFeed(kind.shape)
    for round in 0..<25_000 {
      var bytes = kind.make(&generator)
      mutate(&bytes, kind, &generator)
      feed.feed(bytes) { _ in Int.random(in: 1...200, using: &generator) }
      if round % 64 == 0 { feed.end() }
      let held = feed.decoder.end - feed.decoder.start
      guard feed.decoder.buffer.count == FrameDecoder.capacity, held <= FrameDecoder.longestFrame else {
        Issue.record("seed \(seed), round \(round): \(held) bytes held")
        return
      }
      if case .binary = kind.shape {
        let taken = feed.frames.reduce(0) { $0 + $1.count }
        #expect(feed.fed == taken + Int(feed.decoder.statistics.noise) + held, "seed \(seed)")
      }
      if feed.frames.count > 100 { feed = FrameFeed(kind.shape) }
    }
  }

  private func mutate(_ bytes: inout [UInt8], _ kind: Kind, _ generator: inout SplitMix) {
    for _ in 0..<Int.random(in: 0...3, using: &generator) where !bytes.isEmpty {
      let place = bytes.indices.randomElement(using: &generator)!
      switch Int.random(in: 0...5, using: &generator) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      case 1: bytes[place] = kind.lures.randomElement(using: &generator)!
      case 2: bytes.insert(.random(in: 0...255, using: &generator), at: place)
      case 3: bytes.remove(at: place)
      case 4: bytes += bytes[place...]
      default: bytes.removeSubrange(place...)
      }
    }
  }
}
