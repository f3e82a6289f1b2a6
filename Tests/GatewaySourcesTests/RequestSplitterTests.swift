import GatewayCore
import GatewaySystem
import Testing

@testable import GatewaySources

/// A device that refuses what touches one of its illegal addresses, or asks for too much at once.
private struct Device {
  var illegal: Set<Int> = []
  var most = 125
  var refusesAll = false

  func gives(_ span: RequestMerger.Span) -> Bool {
    !refusesAll && span.end - span.first <= most && illegal.isDisjoint(with: span.first..<span.end)
  }
}

private func request(_ addresses: [Int], worthwhileGap: Double) -> PollRequest {
  PollRequest(
    device: 0, unit: 1, table: .holding, address: UInt16(addresses[0]),
    count: UInt16(addresses.last! + 1 - addresses[0]), period: .seconds(1),
    terms: RequestMerger.Terms(limit: 125, worthwhileGap: worthwhileGap),
    items: addresses.enumerated().map { place, address in
      PollItem(
        point: PointIndex(place), offset: UInt16(address - addresses[0]),
        layout: RegisterLayout(type: .uint16))
    })
}

/// What one poll of all its parts comes to.
private func poll(
  _ splitter: inout RequestSplitter, _ device: Device, items: Int, at second: Int = 0
) -> (good: Set<Int>, covered: Set<Int>, reads: Int) {
  var good: Set<Int> = []
  var covered: Set<Int> = []
  var reads = 0
  splitter.poll(at: BootTime(microseconds: Int64(second) * 1_000_000)) { part, span in
    reads += 1
    covered.formUnion(part)
    guard device.gives(span) else {
      good.subtract(part)
      return .refused
    }
    good.formUnion(part)
    return .read
  } illegal: { part in
    covered.formUnion(part)
    good.subtract(part)
  }
  return (good, covered, reads)
}

@Suite struct RequestSplitterTests {
  @Test func theNeighboursOfAnIllegalRegisterAreReadInTheSamePoll() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<500 {
      let illegal = Int.random(in: 0..<20, using: &generator)
      var splitter = RequestSplitter(request(Array(0..<20), worthwhileGap: 10))
      let device = Device(illegal: [illegal])
      let legal = Set(0..<20).subtracting([illegal])
      let first = poll(&splitter, device, items: 20)
      #expect(first.good == legal && first.covered == Set(0..<20), "seed \(seed): \(illegal)")
      let second = poll(&splitter, device, items: 20)
      #expect(second.good == legal, "seed \(seed): \(illegal)")
      #expect(second.reads == (illegal == 0 || illegal == 19 ? 1 : 2), "seed \(seed): \(illegal)")
    }
  }

  @Test func whateverIsRefusedThePartsComeToRest() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<500 {
      // Every second address or so is a point; gaps and points may be illegal, and the device may have a limit.
      let addresses = (0..<60).filter { _ in Bool.random(using: &generator) }
      guard addresses.count > 1 else { continue }
      var device = Device(most: [125, 9, 3].randomElement(using: &generator)!)
      for _ in 0..<Int.random(in: 0...6, using: &generator) {
        device.illegal.insert(.random(in: 0..<60, using: &generator))
      }
      let legal = Set(addresses.indices.filter { !device.illegal.contains(addresses[$0]) })
      guard !legal.isEmpty else { continue }
      var splitter = RequestSplitter(request(addresses, worthwhileGap: 10))
      for _ in 0..<40 { _ = poll(&splitter, device, items: addresses.count) }
      let rest = poll(&splitter, device, items: addresses.count)
      #expect(rest.good == legal, "seed \(seed): \(addresses), \(device)")
      #expect(rest.covered == Set(addresses.indices), "seed \(seed): \(addresses), \(device)")
      #expect(rest.reads <= legal.count, "seed \(seed): \(addresses), \(device)")
    }
  }

  @Test func aDeviceThatRefusesEverythingForAWhileIsReadWholeAgain() {
    var device = Device(refusesAll: true)
    var splitter = RequestSplitter(request(Array(0..<20), worthwhileGap: 10))
    for second in 0..<5 {
      let reads = poll(&splitter, device, items: 20, at: second).reads
      #expect(reads <= 40, "a device that is not ready holds its bus up")
      #expect(second < 3 || reads == 1, "and goes on doing so")
    }
    device.refusesAll = false
    _ = poll(&splitter, device, items: 20, at: 120)
    let healed = poll(&splitter, device, items: 20, at: 121)
    #expect(healed.good == Set(0..<20) && healed.reads == 1)
  }

  @Test func aRegisterThatBecomesLegalIsFoundWithinAMinute() {
    var device = Device(illegal: [5])
    var splitter = RequestSplitter(request(Array(0..<20), worthwhileGap: 10))
    _ = poll(&splitter, device, items: 20)
    device.illegal = []
    #expect(poll(&splitter, device, items: 20, at: 4).good.count == 19)
    #expect(poll(&splitter, device, items: 20, at: 5).good.count == 20, "refused while it started")
    device.illegal = [5]
    _ = poll(&splitter, device, items: 20, at: 6)
    #expect(poll(&splitter, device, items: 20, at: 7).good.count == 19)
    device.illegal = []
    #expect(poll(&splitter, device, items: 20, at: 60).good.count == 20)
  }

  /// Registers without gaps: what may be read together then are the stretches between the illegal ones.
  @Test func theLegalRegistersAreSoonReadAndInTheFewestReads() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<2000 {
      let count = Int.random(in: 0...19, using: &generator)
      let illegal = Set((0..<20).shuffled(using: &generator).prefix(count))
      let legal = Set(0..<20).subtracting(illegal)
      let device = Device(illegal: illegal)
      var splitter = RequestSplitter(request(Array(0..<20), worthwhileGap: 10))
      var polls = 0
      var good: Set<Int> = []
      while good != legal, polls < 9 {
        polls += 1
        let outcome = poll(&splitter, device, items: 20)
        #expect(outcome.covered == Set(0..<20), "seed \(seed): \(illegal)")
        good = outcome.good
      }
      #expect(polls <= (count < 2 ? 1 : count == 2 ? 2 : 3), "seed \(seed): \(polls) polls for \(illegal)")
      // What was still being looked for ends here.
      for _ in 0..<3 { _ = poll(&splitter, device, items: 20) }
      let rest = poll(&splitter, device, items: 20)
      let stretches = legal.count { !legal.contains($0 - 1) }
      #expect(rest.good == legal && rest.reads == stretches, "seed \(seed): \(rest.reads), \(illegal)")
    }
  }

  /// A read over such a register is refused although no point is there.
  @Test func anIllegalGapDividesAndCostsNoValue() {
    for gap in 1..<19 {
      let device = Device(illegal: [gap])
      let addresses = (0..<20).filter { $0 != gap }
      var splitter = RequestSplitter(request(addresses, worthwhileGap: 10))
      let first = poll(&splitter, device, items: 19)
      #expect(first.good == Set(0..<19), "\(gap)")
      for _ in 0..<4 { _ = poll(&splitter, device, items: 19) }
      let rest = poll(&splitter, device, items: 19)
      #expect(rest.good == Set(0..<19) && rest.reads == 2, "\(gap): \(rest.reads)")
    }
  }

  @Test func aDeviceThatGivesFewAtOnceIsReadWithinItsLimit() {
    for most in 1...20 {
      let device = Device(most: most)
      var splitter = RequestSplitter(request(Array(0..<20), worthwhileGap: 10))
      for _ in 0..<8 {
        #expect(poll(&splitter, device, items: 20).covered == Set(0..<20), "\(most)")
      }
      let rest = poll(&splitter, device, items: 20)
      let fewest = (20 + most - 1) / most
      #expect(rest.good == Set(0..<20) && rest.reads < 2 * fewest + 2, "\(most): \(rest.reads)")
    }
  }
}
