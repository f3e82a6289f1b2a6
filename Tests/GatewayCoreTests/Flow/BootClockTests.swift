import GatewayCore
import Testing

@Suite struct BootClockTests {
  static func id(_ number: Int) -> BootID { BootID(high: 7, low: UInt64(number)) }

  static func row(_ boot: Int64, time: Int64 = 0, _ quality: TimeQuality = .unsynced) -> Row {
    Row(
      point: 0, time: Timestamp(microseconds: time), boot: BootTime(microseconds: boot), quality: .good,
      reason: .none, timeQuality: quality, body: .reading(.signed(1)))
  }

  private static let start: Int64 = 1_790_000_000_000_000

  /// What really happened: a machine that is switched on and off, and knows the time in some of its lives.
  private struct History {
    struct Life {
      var on: Int64
      /// When it was last on record that it ran, by the true time; it may have run on.
      var seen: Int64
      var off: Int64
      var isKnown: Bool
      /// True times of rows.
      var rows: [Int64]
    }

    var lives: [Life] = []

    init(_ dice: inout SplitMix) {
      var now = start
      for _ in 0..<Int.random(in: 1...9, using: &dice) {
        now += Int64.random(in: 1...Int64(1 << Int.random(in: 10...45, using: &dice)), using: &dice)
        let length = Int64.random(
          in: 1_000_000...Int64(1 << Int.random(in: 24...42, using: &dice)), using: &dice)
        let seen = now + Int64.random(in: length / 2...length, using: &dice)
        let rows = (0..<5).map { _ in Int64.random(in: now...seen, using: &dice) }.sorted()
        lives.append(
          Life(on: now, seen: seen, off: now + length, isKnown: Bool.random(using: &dice), rows: rows))
        now += length
      }
    }

    func clock(upTo count: Int) -> BootClock {
      var clock = BootClock()
      for (number, life) in lives.prefix(count).enumerated() {
        clock.begin(id(number), at: BootTime(microseconds: 0), laterThan: nil)
        clock.see(id(number), at: BootTime(microseconds: life.seen - life.on))
        if life.isKnown { clock.know(id(number), offset: life.on, correction: 0) }
      }
      return clock
    }
  }

  @Test(
    "rows of random histories: known times are exact, bounds hold, and no boot's rows come before an earlier's"
  )
  func randomHistories() throws {
    let seed = UInt64.random(in: .min ... .max)
    var dice = SplitMix(seed: seed)
    var (exact, estimated, unknown) = (0, 0, 0)
    for _ in 0..<3000 {
      let history = History(&dice)
      let clock = history.clock(upTo: history.lives.count)
      #expect(BootClock(text: clock.text) == clock, "seed \(seed)")
      var newest = Int64.min
      let lastKnown = history.lives.lastIndex { $0.isKnown } ?? -1
      for (number, life) in history.lives.enumerated() {
        for truth in life.rows {
          let row = clock.healing(of: Self.id(number)).healed(Self.row(truth - life.on))
          let off = (row.time.microseconds - truth).magnitude
          switch row.timeQuality {
          case .synced:
            exact += 1
            #expect(life.isKnown && off == 0, "seed \(seed)")
          case .estimated:
            estimated += 1
            let bound = try #require(row.timeError, "seed \(seed)").microseconds
            #expect(!life.isKnown && off <= bound, "seed \(seed): \(off) of \(bound)")
          case .unsynced:
            unknown += 1
            #expect(number > lastKnown, "seed \(seed): it could be bounded")
            continue
          }
          #expect(row.time.microseconds >= newest, "seed \(seed): out of order")
          newest = row.time.microseconds
        }
      }
    }
    #expect(exact > 1000 && estimated > 1000 && unknown > 1000, "seed \(seed)")
  }

  @Test("what is learnt later never widens a bound, and never moves a time out of an earlier bound")
  func boundsOnlyNarrow() throws {
    let seed = UInt64.random(in: .min ... .max)
    var dice = SplitMix(seed: seed)
    for _ in 0..<500 {
      let history = History(&dice)
      for number in history.lives.indices {
        var before: (time: Int64, error: Int64)?
        for count in number + 1...history.lives.count {
          let healing = history.clock(upTo: count).healing(of: Self.id(number))
          guard case .estimated(let offset, let error) = healing else { continue }
          if let before {
            #expect(error.microseconds <= before.error, "seed \(seed)")
            #expect((offset - before.time).magnitude <= before.error, "seed \(seed)")
          }
          before = (offset, error.microseconds)
        }
      }
    }
  }

  @Test("a row that was synchronised when it was taken is never touched")
  func synchronizedRowsStay() {
    let row = Self.row(5, time: 77, .synced)
    #expect(BootHealing.known(offset: 1000).healed(row) == row)
    #expect(BootHealing.estimated(offset: 1000, error: .seconds(1)).healed(row) == row)
    #expect(BootHealing.unknown.healed(Self.row(5, time: 77)) == Self.row(5, time: 77))
  }

  @Test("a window's row is shifted by the boot time of its end")
  func windowsAreShifted() {
    var row = Self.row(60_000_000, time: 60_000_000)
    row.body = .window(
      WindowSummary(
        seconds: 60, count: 1, bad: 0, isPartial: false, mean: 1, min: 1, max: 1, sum: 1,
        standardDeviation: 0,
        last: .signed(1)))
    let healed = BootHealing.known(offset: Self.start).healed(row)
    #expect(healed.time.microseconds == Self.start + 60_000_000)
    #expect(healed.body == row.body && healed.boot == row.boot && healed.timeQuality == .synced)
  }

  @Test(
    "boots that did not know the time share what is not accounted for: the middle, and half of it as the bound"
  )
  func unknownBootsShareTheSlack() {
    var clock = BootClock()
    for number in 0...3 {
      clock.begin(Self.id(number), at: BootTime(microseconds: 0), laterThan: nil)
      clock.see(Self.id(number), at: BootTime(microseconds: 10_000_000))
    }
    clock.know(Self.id(0), offset: Self.start, correction: 0)
    // 10 s of the first, then 60 s, of which two boots ran for 10 s each.
    clock.know(Self.id(3), offset: Self.start + 70_000_000, correction: 0)
    #expect(
      clock.healing(of: Self.id(1))
        == .estimated(offset: Self.start + 10_000_000 + 20_000_000, error: .seconds(20)))
    #expect(
      clock.healing(of: Self.id(2))
        == .estimated(offset: Self.start + 20_000_000 + 20_000_000, error: .seconds(20)))
  }

  @Test("clocks that contradict each other bound nothing: the rows stay as they are")
  func aLyingClockBoundsNothing() {
    var clock = BootClock()
    for number in 0...2 { clock.begin(Self.id(number), at: BootTime(microseconds: 0), laterThan: nil) }
    clock.know(Self.id(0), offset: Self.start, correction: 0)
    clock.know(Self.id(2), offset: Self.start - 1, correction: 0)
    #expect(clock.healing(of: Self.id(1)) == .unknown)
    // What a later boot says of the time is believed.
    #expect(clock.latestKnown?.microseconds == Self.start - 1)
  }

  @Test("before any boot knew the time, what was stored and the age of this program bound it from below")
  func aFloorIsEnough() {
    var clock = BootClock()
    clock.begin(Self.id(0), at: BootTime(microseconds: 0), laterThan: Timestamp(microseconds: Self.start))
    clock.begin(Self.id(1), at: BootTime(microseconds: 0), laterThan: nil)
    clock.know(Self.id(1), offset: Self.start + 8, correction: 0)
    #expect(clock.healing(of: Self.id(0)) == .estimated(offset: Self.start + 4, error: .microseconds(4)))
    var fresh = BootClock()
    fresh.begin(Self.id(0), at: BootTime(microseconds: 0), laterThan: nil)
    #expect(fresh.latestKnown == GatewayVersion.epoch)
  }

  @Test("the table is bounded, and the newest boots stay")
  func theTableIsBounded() {
    var clock = BootClock()
    for number in 0..<1000 { clock.begin(Self.id(number), at: BootTime(microseconds: 5), laterThan: nil) }
    #expect(clock.boots.count == BootClock.mostBoots)
    #expect(clock.boots.last?.id == Self.id(999))
    #expect(clock.healing(of: Self.id(0)) == .unknown)
  }

  @Test("what is found of earlier boots goes before what this one knows already")
  func earlierBootsGoBefore() {
    var earlier = BootClock()
    earlier.begin(Self.id(1), at: BootTime(microseconds: 9), laterThan: nil)
    earlier.know(Self.id(1), offset: Self.start, correction: 3)
    var clock = BootClock()
    clock.begin(Self.id(2), at: BootTime(microseconds: 4), laterThan: nil)
    clock.know(Self.id(2), offset: Self.start + 100, correction: 0)
    clock.follow(earlier)
    #expect(clock.boots.map(\.id) == [Self.id(1), Self.id(2)])
    #expect(clock[Self.id(2)]?.offset == Self.start + 100)
    #expect(clock[Self.id(2)]?.notBefore.microseconds == Self.start + 9)
  }

  @Test("of a damaged table nothing is believed: no change of any byte, no cut, is read")
  func noDamageIsRead() {
    var clock = BootClock()
    for number in 0..<5 {
      clock.begin(Self.id(number), at: BootTime(microseconds: Int64(number) * 1000), laterThan: nil)
      if number % 2 == 0 { clock.know(Self.id(number), offset: Self.start + Int64(number), correction: -4) }
    }
    let text = clock.text
    #expect(BootClock(text: text) == clock)
    for place in text.indices {
      for bit in 0..<8 {
        var damaged = text
        damaged[place] ^= 1 << bit
        #expect(BootClock(text: damaged) == nil, "byte \(place), bit \(bit)")
      }
      #expect(BootClock(text: Array(text[..<place])) == nil)
    }
    #expect(BootClock(text: text + [10]) == nil)
    #expect(BootClock(text: []) == nil)
  }
}
