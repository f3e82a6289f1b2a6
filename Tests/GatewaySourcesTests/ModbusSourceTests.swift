import GatewayCore
import GatewaySources
import GatewaySystem
import Testing

@Suite struct ModbusSourceTests {
  @Test func allFourTablesAreReadWithTheirOwnFunctions() throws {
    let device = try ScriptedDevice.healthy()
    let points = [
      point("coil", .coil, 3, .bool), point("coil4", .coil, 4, .bool), point("discrete", .discrete, 9, .bool),
      point("input", .input, 1000, .uint16), point("holding", .holding, 65534, .uint32),
    ]
    let bench = try Bench(
      lan(port: device.port), [DeviceConfig(name: "d", bus: "lan", unit: 5, points: points)],
      timeQuality: .unsynced)
    let readings = bench.plan.requests.indices.flatMap { bench.poll($0) }
    #expect(readings.map(\.point) == [0, 1, 2, 3, 4])
    // unit · 1000 + function · 100 + address; 65534 is -2.
    #expect(
      readings.values == [
        .unsigned(1), .unsigned(0), .unsigned(1), .unsigned(6400), .unsigned(5298 << 16 | 5299),
      ])
    #expect(readings.allSatisfy { $0.quality == .good && $0.timeQuality == .unsynced })
    #expect(device.connections == 1 && bench.requests == 4 && bench.errors == 0)
    #expect(bench.meter.isConnected && bench.deviceMeters[0].state == .ok)
  }

  @Test func theLongestAnswersFit() throws {
    let device = try ScriptedDevice.healthy()
    let registers = (0..<125).map { point("r\($0)", .holding, UInt16($0), .uint16) }
    let bits = (0..<2000).map { point("b\($0)", .coil, UInt16($0), .bool) }
    let bench = try Bench(
      lan(port: device.port), [DeviceConfig(name: "d", bus: "lan", unit: 1, points: registers + bits)])
    #expect(bench.poll(0).values == (0..<125).map { .unsigned(1300 + $0) })
    #expect(bench.poll(1).values == (0..<2000).map { .unsigned($0 % 3 == 0 ? 1 : 0) })
  }

  @Test func aReadingCarriesTheTimeOfItsAnswer() throws {
    let device = try ScriptedDevice { [.pause(milliseconds: 30), .send($0.rightAnswer)] }
    let bench = try Bench(lan(port: device.port, timeout: .seconds(10)))
    let before = SystemClock.moment
    let readings = bench.poll()
    #expect(readings.count == 2 && readings[0].moment == readings[1].moment)
    #expect(before.boot.duration(to: readings[0].boot) >= .milliseconds(30))
    #expect(readings[0].boot <= SystemClock.boot && readings[0].time >= before.time)
  }

  @Test func exceptionsAreReadingsWithTheirReasonAndKeepTheConnection() throws {
    let reasons: [(UInt8, QualityReason)] = [
      (1, .illegalFunction), (3, .illegalValue), (4, .deviceFailure),
      (5, .acknowledge), (6, .deviceBusy), (7, .negativeAcknowledge), (8, .memoryParity),
      (9, .unknownException), (10, .gatewayPath), (11, .gatewayTarget), (0, .unknownException),
      (12, .unknownException), (13, .unknownException), (128, .unknownException), (255, .unknownException),
      // Last: what is illegal alone is not asked for again for a while.
      (2, .illegalAddress),
    ]
    let codes = reasons.map(\.0)
    let device = try ScriptedDevice { request in
      request.number < codes.count
        ? [.send(request.exception(codes[request.number]))] : [.send(request.rightAnswer)]
    }
    // One point: a read of several would be split when its address is refused.
    let points = [point("a", .input, 0, .uint16)]
    let bench = try Bench(
      lan(port: device.port), [DeviceConfig(name: "canopy", bus: "lan", unit: 7, points: points)])
    for (code, reason) in reasons {
      let readings = bench.poll()
      #expect(readings.reasons == [reason], "exception \(code)")
      #expect(readings.values == [nil] && readings.allSatisfy { $0.quality == .bad })
      #expect(bench.deviceMeters[0].state == .degraded)
    }
    #expect(bench.errors == UInt64(codes.count))
    #expect(bench.meter.lastError == "cannot read device \"canopy\": exception 2, illegal-address")
    #expect(bench.poll(after: .seconds(70)).values == Array(canopyValues().prefix(1)))
    #expect(device.connections == 1, "the connection was given up for an exception")
    #expect(bench.deviceMeters[0].state == .ok)
  }

  @Test(arguments: ["transaction", "unit", "function", "more", "less", "longest", "garbage", "protocol"])
  func anAnswerThatBreaksTheProtocolIsBadAndTheNextIsRight(_ fault: String) throws {
    let device = try ScriptedDevice { request in
      guard request.number == 0 else { return [.send(request.rightAnswer)] }
      var frame = request.rightAnswer
      switch fault {
      case "transaction": frame[0] ^= 0x80
      case "unit": frame[6] ^= 1
      case "function": frame[7] = 3
      case "more": frame = request.answer([1, 2, 3, 4, 5, 6])
      case "less": frame = request.answer([1, 2])
      case "longest": frame = request.answer([UInt8](repeating: 0xAA, count: 255))
      case "garbage": frame = [UInt8](repeating: 0x5A, count: 260)
      default: (frame[2], frame[3]) = (1, 1)
      }
      return [.send(frame)]
    }
    let bench = try Bench(lan(port: device.port))
    #expect(bench.poll().reasons == [.badAnswer, .badAnswer])
    #expect(bench.errors == 1 && bench.meter.lastError != nil)
    #expect(bench.poll().values == canopyValues())
    // Only where the stream is out of step there is no way on but another connection.
    #expect(
      bench.errors == 1 && device.connections == (["longest", "garbage", "protocol"].contains(fault) ? 2 : 1))
  }

  @Test func anExceptionToAnotherFunctionGivesNoValue() throws {
    let device = try ScriptedDevice { request in
      var frame = request.exception(2)
      frame[7] = 0x83
      return request.number == 0 ? [.send(frame)] : [.send(request.rightAnswer)]
    }
    let bench = try Bench(lan(port: device.port))
    #expect(bench.poll().values == [nil, nil])
    #expect(bench.poll().values == canopyValues())
  }

  @Test func silenceIsATimeoutAndTheNextAnswerIsRight() throws {
    let device = try ScriptedDevice { $0.number == 0 ? [] : [.send($0.rightAnswer)] }
    let bench = try Bench(lan(port: device.port, timeout: .milliseconds(150)))
    #expect(bench.poll().reasons == [.timeout, .timeout])
    #expect(bench.deviceMeters[0].state == .failed)
    #expect(bench.meter.lastError == "cannot read device \"canopy\": no answer within 150 ms")
    #expect(bench.poll().values == canopyValues())
    #expect(bench.requests == 2 && bench.errors == 1 && bench.deviceMeters[0].state == .ok)
  }

  @Test func anAnswerThatDripsIsCutOffAtTheTimeout() throws {
    let device = try ScriptedDevice { request in
      request.rightAnswer.flatMap { [.send([$0]), .pause(milliseconds: 30)] }
    }
    // 13 bytes, 30 ms apart: each within the timeout, all of them not.
    let bench = try Bench(lan(port: device.port, timeout: .milliseconds(100)))
    #expect(bench.poll().reasons == [.timeout, .timeout])
  }

  @Test func anAnswerInPiecesIsWhole() throws {
    let device = try ScriptedDevice { request in
      request.rightAnswer.flatMap { [.send([$0]), .pause(milliseconds: 1)] }
    }
    let bench = try Bench(lan(port: device.port, timeout: .seconds(10)))
    #expect(bench.poll().values == canopyValues())
  }

  @Test func aLateAnswerIsNeverTakenForALaterRequest() throws {
    let device = try ScriptedDevice { request in
      guard request.number % 2 == 0 else { return [.send(request.rightAnswer)] }
      return [.pause(milliseconds: 120), .send(request.answer([0xDE, 0xAD, 0xBE, 0xEF]))]
    }
    let bench = try Bench(lan(port: device.port, timeout: .milliseconds(80)))
    var good = 0
    for _ in 0..<8 {
      // As if two hours had passed, so that no breaker is in the way.
      let readings = bench.poll(after: .seconds(7200))
      #expect(readings.values == canopyValues() || readings.reasons == [.timeout, .timeout])
      if readings[0].quality == .good { good += 1 }
    }
    #expect(good > 0)
  }

  @Test func anAnswerSentTwiceDoesNotReachTheNextPoll() throws {
    let device = try ScriptedDevice { [.send($0.rightAnswer + $0.rightAnswer)] }
    let bench = try Bench(
      lan(port: device.port, timeout: .seconds(10)), [canopy(unit: 7), canopy("other", unit: 8)])
    for _ in 0..<5 {
      #expect(bench.poll(0).values == canopyValues(unit: 7))
      #expect(bench.poll(1).values == canopyValues(unit: 8))
    }
    #expect(bench.errors == 0)
  }

  @Test(arguments: [0, 1, 6, 7, 8, 9, 12])
  func aConnectionCutWithinAnAnswerIsMadeAgain(_ length: Int) throws {
    let device = try ScriptedDevice { request in
      request.number == 0
        ? [.send(Array(request.rightAnswer.prefix(length))), .hangUp] : [.send(request.rightAnswer)]
    }
    let bench = try Bench(lan(port: device.port, timeout: .seconds(10)))
    #expect(bench.poll().reasons == [.disconnected, .disconnected])
    #expect(!bench.meter.isConnected && bench.errors == 1)
    #expect(bench.poll().values == canopyValues())
    #expect(bench.meter.isConnected && device.connections == 2)
  }

  @Test func aDeviceThatHangsUpBetweenPollsCostsNoReading() throws {
    let device = try ScriptedDevice { [.send($0.rightAnswer), .hangUp] }
    let bench = try Bench(lan(port: device.port, timeout: .seconds(10)))
    for _ in 0..<5 {
      #expect(bench.poll().values == canopyValues())
      // The end of the connection has to arrive before the next poll looks for it.
      nap(milliseconds: 50)
    }
    #expect(device.connections == 5 && bench.errors == 0)
  }

  @Test func anAnswerInAnotherUnitsNameIsKnownByItsTransaction() throws {
    let device = try ScriptedDevice { request in
      var frame = request.rightAnswer
      frame[6] = 99
      return [.send(frame)]
    }
    // libmodbus does not compare the unit over TCP (some gateways answer as unit 0 or 255).
    let readings = try Bench(lan(port: device.port)).poll()
    #expect(readings.values == canopyValues() || readings.reasons == [.badAnswer, .badAnswer])
  }

  @Test func headersAtRandomNeverGiveAValueThatIsNotThere() throws {
    let random = UInt64.random(in: 0 ... .max)
    for seed in [random, 31] {
      let device = try ScriptedDevice { request in
        var generator = SplitMix(seed: seed &+ UInt64(request.number))
        var frame = request.rightAnswer
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
          frame[Int.random(in: 0..<9, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        }
        return [.send(frame), .hangUp]
      }
      let bench = try Bench(lan(port: device.port, timeout: .seconds(10)))
      for poll in 0..<150 {
        let readings = bench.poll(after: .seconds(7200))
        let isRight = readings.values == canopyValues()
        #expect(isRight || readings.values == [nil, nil], "seed \(seed), poll \(poll): \(readings)")
      }
    }
  }

  @Test func aBusThatRefusesIsTriedOnceASecondAndRecovers() throws {
    let first = try ScriptedDevice.healthy()
    let port = first.port
    first.shutDown()
    let bench = try Bench(lan(port: port))
    #expect(bench.poll().reasons == [.disconnected, .disconnected])
    #expect(bench.errors == 1 && bench.requests == 0 && !bench.meter.isConnected)
    #expect(bench.meter.lastError == "cannot connect to \"127.0.0.1:\(port)\": Connection refused")
    let second = try ScriptedDevice.healthy(port: port)
    #expect(bench.poll().reasons == [.disconnected, .disconnected])
    #expect(bench.errors == 1 && second.connections == 0, "tried again at once")
    #expect(bench.poll(after: .milliseconds(1001)).values == canopyValues())
    #expect(bench.meter.isConnected && bench.errors == 1)
  }

  @Test func aSilentDeviceIsLeftAloneAndItsNeighbourIsNot() throws {
    let isSilent = SharedFlag(true)
    let device = try ScriptedDevice { request in
      request.unit == 7 && isSilent.isSet ? [] : [.send(request.rightAnswer)]
    }
    let bench = try Bench(lan(port: device.port), [canopy(unit: 7), canopy("other", unit: 8)])
    for round in 0..<3 {
      // As if seconds lay between them, which pay for the vain waiting.
      #expect(bench.poll(0, after: .seconds(10 * round)).reasons == [.timeout, .timeout])
      #expect(bench.poll(1).values == canopyValues(unit: 8))
    }
    let asked = device.requests
    // As if at the time of the third failure: long before the probe.
    for _ in 0..<5 { #expect(bench.poll(0, after: .seconds(-10)).reasons == [.breakerOpen, .breakerOpen]) }
    #expect(device.requests == asked, "a device with an open breaker was asked")
    #expect(bench.poll(1).values == canopyValues(unit: 8))
    #expect(bench.deviceMeters.map(\.state) == [.failed, .ok])
    isSilent.set(false)
    #expect(bench.poll(0, after: .seconds(60)).values == canopyValues())
    #expect(bench.poll(0).values == canopyValues())
    #expect(bench.deviceMeters.map(\.state) == [.ok, .ok])
  }

  @Test func exceptionsNeverOpenTheBreaker() throws {
    let device = try ScriptedDevice { [.send($0.exception(6))] }
    let bench = try Bench(lan(port: device.port))
    for _ in 0..<20 { #expect(bench.poll().reasons == [.deviceBusy, .deviceBusy]) }
    #expect(device.requests == 20)
  }

  @Test func whatIsNotANumberIsABadReadingAmongGoodOnes() throws {
    let device = try ScriptedDevice { [.send($0.answer([0x7F, 0xC0, 0, 0, 0, 5]))] }
    let points = [point("f", .input, 0, .float32), point("n", .input, 2, .uint16)]
    let bench = try Bench(
      lan(port: device.port), [DeviceConfig(name: "d", bus: "lan", unit: 1, points: points)])
    let readings = bench.poll()
    #expect(readings.values == [nil, .unsigned(5)] && readings.reasons == [.notANumber, .none])
    #expect(bench.deviceMeters[0].state == .degraded)
  }

  @Test func everyUnitCanBeAsked() throws {
    let device = try ScriptedDevice.healthy()
    let bench = try Bench(
      lan(port: device.port), [canopy(unit: 250), canopy("gateway", unit: 0), canopy("any", unit: 255)])
    #expect(bench.poll(0).values == canopyValues(unit: 250))
    #expect(bench.poll(1).values == canopyValues(unit: 0))
    #expect(bench.poll(2).values == canopyValues(unit: 255))
  }

  @Test func namesAndIPv6AddressesAreReached() throws {
    let four = try ScriptedDevice.healthy()
    #expect(try Bench(lan(host: "localhost", port: four.port)).poll().values == canopyValues())
    // A machine without IPv6 cannot tell.
    guard let six = try? ScriptedDevice(ipv6: true, { [.send($0.rightAnswer)] }) else { return }
    #expect(try Bench(lan(host: "::1", port: six.port)).poll().values == canopyValues())
  }

  @Test func anInterruptedPollMakesNoReading() throws {
    let device = try ScriptedDevice { _ in [] }
    let bench = try Bench(lan(port: device.port, timeout: .seconds(60)))
    let interruption = bench.source.interruption
    let other = try WorkerThread(name: "interrupts") {
      waitUntil { device.requests == 1 }
      interruption.interrupt()
    }
    #expect(bench.poll().isEmpty)
    other.join()
  }
}
