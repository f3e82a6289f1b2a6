import Testing

@testable import GatewayCore

private let question = ModbusRequest(unit: 7, table: .holding, address: 0x0102, count: 3)

/// With its CRC.
private func sealed(_ body: [UInt8]) -> [UInt8] {
  let crc = body.withUnsafeBytes { ModbusCRC.of($0) }
  return body + [UInt8(crc & 0xFF), UInt8(crc >> 8)]
}

private let answer = sealed([7, 3, 6, 1, 2, 3, 4, 5, 6])

private func look(_ bytes: [UInt8], isSilent: Bool = false) -> ModbusAnswer {
  bytes.withUnsafeBytes { ModbusAnswer.rtu($0, to: question, isSilent: isSilent) }
}

/// Passes over what is not the answer, as the master does; what is left in the end.
private func find(_ bytes: [UInt8], isSilent: Bool) -> ModbusAnswer {
  var rest = bytes
  while true {
    switch look(rest, isSilent: isSilent) {
    case .other(_, let length, _), .echo(let length): rest.removeFirst(length)
    case let found: return found
    }
    if rest.isEmpty { return .incomplete(missing: 5) }
  }
}

@Suite struct ModbusAnswerTests {
  @Test func requestsAreThoseOfTheSpecification() {
    // Modbus over Serial Line 1.02: unit 1, ten holding registers from 0, the CRC low byte first.
    let request = ModbusRequest(unit: 1, table: .holding, address: 0, count: 10)
    var frame = [UInt8](repeating: 0, count: 12)
    #expect(frame.withUnsafeMutableBytes { request.encodeRTU(into: $0) } == 8)
    #expect(frame.prefix(8) == [1, 3, 0, 0, 0, 10, 0xC5, 0xCD])
    #expect(frame.withUnsafeMutableBytes { request.encodeTCP(transaction: 0x1234, into: $0) } == 12)
    #expect(frame == [0x12, 0x34, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10])
  }

  @Test func anAnswerIsWholeOrIncompleteAtEveryCut() {
    for end in 0..<answer.count {
      guard case .incomplete(let missing) = look(Array(answer[..<end])) else {
        Issue.record("\(end) bytes are taken for something")
        continue
      }
      #expect(missing <= answer.count - end, "more is waited for than comes")
    }
    #expect(look(answer) == .data(3..<9))
    #expect(look(sealed([7, 0x83, 2])) == .exception(2, length: 5))
  }

  /// A check whose second byte is 0 holds for the frame without that byte too: of two registers' answers every 256th
  /// looks like a request of eight bytes, and the echo of some requests like an answer of seven, while they arrive.
  @Test func whereverTheBytesArePartedTheEchoIsNoAnswerAndTheAnswerIsWhole() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix(seed: seed)
    var ends = 0
    for _ in 0..<20_000 {
      let request = ModbusRequest(
        unit: 7, table: .holding, address: .random(in: 0...0x07FF, using: &generator),
        count: .random(in: 1...4, using: &generator))
      let data = (0..<request.dataBytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let own = sealed([7, 3, UInt8(data.count)] + data)
      if own.last == 0 { ends += 1 }
      var echo = [UInt8](repeating: 0, count: 8)
      if Bool.random(using: &generator) {
        _ = echo.withUnsafeMutableBytes { request.encodeRTU(into: $0) }
      } else {
        echo = []
      }
      var arrived: [UInt8] = []
      var found: [ModbusAnswer] = []
      for byte in echo + own {
        arrived.append(byte)
        while !arrived.isEmpty {
          let seen = arrived.withUnsafeBytes { ModbusAnswer.rtu($0, to: request, isSilent: false) }
          if case .incomplete = seen { break }
          found.append(seen)
          guard case .echo(let length) = seen else { break }
          arrived.removeFirst(length)
        }
      }
      let right: [ModbusAnswer] = (echo.isEmpty ? [] : [.echo(length: 8)]) + [.data(3..<3 + data.count)]
      #expect(found == right, "seed \(seed): \(request), \(own)")
    }
    #expect(ends > 20, "too few checks that end with 0 for a proof")
  }

  /// After a silence there is nothing to wait for.
  @Test func anAnswerThatLooksLikeTheBeginningOfAnEchoIsTakenWhenTheLineIsSilent() {
    var found = 0
    for address in 0x0200...0x02FF {
      let request = ModbusRequest(unit: 7, table: .holding, address: UInt16(address), count: 1)
      var echo = [UInt8](repeating: 0, count: 8)
      _ = echo.withUnsafeMutableBytes { request.encodeRTU(into: $0) }
      guard echo[..<7].withUnsafeBytes({ ModbusCRC.holds($0) }) else { continue }
      found += 1
      let seen = [false, true].map { isSilent in
        echo[..<7].withUnsafeBytes { ModbusAnswer.rtu($0, to: request, isSilent: isSilent) }
      }
      #expect(seen == [.incomplete(missing: 1), .data(3..<5)])
    }
    #expect(found > 0)
  }

  @Test func theAnswerIsFoundBehindWhatIsNotTheAnswer() {
    var echo = [UInt8](repeating: 0, count: 8)
    _ = echo.withUnsafeMutableBytes { question.encodeRTU(into: $0) }
    let others = [
      echo, sealed([8, 3, 6, 9, 9, 9, 9, 9, 9]), sealed([7, 4, 6, 9, 9, 9, 9, 9, 9]),
      sealed([7, 3, 4, 9, 9, 9, 9]), sealed([7, 0x84, 2]), sealed([9, 6, 0, 1, 0, 2]), [0], [0xFF, 0],
    ]
    for other in others {
      #expect(find(other + answer, isSilent: true) == .data(3..<9), "\(other)")
      #expect(find(other, isSilent: true) == .incomplete(missing: 5), "\(other)")
    }
  }

  @Test func nothingButTheAnswerGivesAValue() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<100_000 {
      var bytes = answer
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^= .random(in: 1...255, using: &generator)
      }
      guard bytes != answer, case .data = find(bytes, isSilent: true) else { continue }
      // Chance alone passes one of 65,536 checks; then it is a frame in every other respect.
      #expect(bytes[0] == 7 && bytes[1] == 3 && bytes[2] == 6, "seed \(seed): \(bytes)")
      #expect(bytes.withUnsafeBytes { ModbusCRC.holds($0) }, "seed \(seed): \(bytes)")
    }
  }

  @Test func overTCPTheTransactionDecides() {
    func look(_ bytes: [UInt8]) -> ModbusAnswer {
      bytes.withUnsafeBytes { ModbusAnswer.tcp($0, to: question, transaction: 500) }
    }
    let body: [UInt8] = [0, 0, 0, 9, 7, 3, 6, 1, 2, 3, 4, 5, 6]
    #expect(look([1, 0xF4] + body) == .data(9..<15))
    #expect(look([1, 0xF3] + body) == .other(.late, length: 15, unit: 7))
    #expect(look([0x80, 0xF4] + body) == .other(.wrongTransaction, length: 15, unit: 7))
    #expect(look([1, 0xF4, 0, 1] + body.dropFirst(2)) == .outOfStep)
    #expect(look([1, 0xF4, 0, 0, 0, 9, 8] + body.dropFirst(5)) == .other(.foreignUnit, length: 15, unit: 8))
    #expect(look([1, 0xF4, 0, 0, 0, 3, 7, 0x83, 2]) == .exception(2, length: 9))
  }

  @Test func theCheckIsThatOfTheSpecification() {
    let vectors: [([UInt8], UInt16)] = [
      ([1, 3, 0, 0, 0, 10], 0xCDC5), (Array("123456789".utf8), 0x4B37), ([2, 7], 0x1241), ([], 0xFFFF),
    ]
    for (bytes, crc) in vectors { #expect(bytes.withUnsafeBytes { ModbusCRC.of($0) } == crc, "\(bytes)") }
  }

  @Test func eachTableIsReadByItsFunction() {
    let bytes: [(RegisterTable, function: UInt8, count: UInt16, data: Int)] = [
      (.coil, 1, 9, 2), (.discrete, 2, 16, 2), (.holding, 3, 125, 250), (.input, 4, 1, 2),
    ]
    for (table, function, count, data) in bytes {
      let request = ModbusRequest(unit: 0xF7, table: table, address: 0xFFFE, count: count)
      var frame = [UInt8](repeating: 0, count: 12)
      _ = frame.withUnsafeMutableBytes { request.encodeTCP(transaction: 0xFFFF, into: $0) }
      #expect(frame == [0xFF, 0xFF, 0, 0, 0, 6, 0xF7, function, 0xFF, 0xFE, 0, UInt8(count)])
      _ = frame.withUnsafeMutableBytes { request.encodeRTU(into: $0) }
      #expect(Array(frame[..<6]) == [0xF7, function, 0xFF, 0xFE, 0, UInt8(count)])
      #expect(frame[..<8].withUnsafeBytes { ModbusCRC.holds($0) })
      #expect(request.dataBytes == data)
    }
  }

  @Test func behindAnythingNoCutOfTheAnswerGivesAValue() {
    var echo = [UInt8](repeating: 0, count: 8)
    _ = echo.withUnsafeMutableBytes { question.encodeRTU(into: $0) }
    let others = [
      [], echo, sealed([8, 3, 6, 9, 9, 9, 9, 9, 9]), sealed([7, 3, 4, 9, 9, 9, 9]),
      sealed([9, 6, 0, 1, 0, 2]), [0], [7, 3], [7, 3, 6, 1],
    ]
    for other in others {
      let bytes = other + answer
      for end in 0..<bytes.count {
        for isSilent in [false, true] {
          let found = find(Array(bytes[..<end]), isSilent: isSilent)
          guard case .incomplete = found else {
            Issue.record("\(end) bytes of \(bytes), \(isSilent): \(found)")
            continue
          }
        }
      }
      #expect(find(bytes, isSilent: true) == .data(3..<9), "\(other)")
    }
  }

  @Test func aRightCheckAloneMakesNoAnswer() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<100_000 {
      var body = Array(answer.dropLast(2))
      let place = Int.random(in: 0..<3, using: &generator)
      body[place] ^= .random(in: 1...255, using: &generator)
      for place in 3..<9 { body[place] = .random(in: 0...255, using: &generator) }
      if case .data = find(sealed(body), isSilent: true) { Issue.record("seed \(seed): \(body)") }
    }
  }

  @Test func overTCPNothingButTheHeaderOfTheAnswerGivesAValue() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix(seed: seed)
    let right: [UInt8] = [1, 0xF4, 0, 0, 0, 9, 7, 3, 6, 1, 2, 3, 4, 5, 6]
    func look(_ bytes: [UInt8]) -> ModbusAnswer {
      bytes.withUnsafeBytes { ModbusAnswer.tcp($0, to: question, transaction: 500) }
    }
    for end in right.indices {
      guard case .incomplete(let missing) = look(Array(right[..<end])) else {
        Issue.record("\(end) bytes are taken for something")
        continue
      }
      #expect(missing <= right.count - end, "more is waited for than comes")
    }
    for _ in 0..<100_000 {
      var bytes = right
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] ^= .random(in: 1...255, using: &generator)
      }
      let isRight = bytes[..<9] == right[..<9]
      #expect((look(bytes) == .data(9..<15)) == isRight, "seed \(seed): \(bytes)")
      if bytes[2] != 0 || bytes[3] != 0 { #expect(look(bytes) == .outOfStep, "seed \(seed): \(bytes)") }
    }
  }

  @Test func theTransactionsOfTheRecentPastAreLateAcrossTheirWrap() {
    for transaction: UInt16 in [500, 3, 0, 0xFFFF] {
      for age: UInt16 in [1, 2, 63, 64, 1000, 0x8000, 0xFFFF] {
        let past = transaction &- age
        let bytes = [UInt8(past >> 8), UInt8(past & 0xFF), 0, 0, 0, 9, 7, 3, 6, 1, 2, 3, 4, 5, 6]
        let found = bytes.withUnsafeBytes { ModbusAnswer.tcp($0, to: question, transaction: transaction) }
        let kind: BusErrorKind = age < 64 ? .late : .wrongTransaction
        #expect(found == .other(kind, length: 15, unit: 7), "\(transaction), \(age)")
      }
    }
  }
}
