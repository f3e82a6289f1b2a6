import GatewayControl
import GatewayCore
import Testing

@Suite struct StoreTextTests {
  @Test func aCalmStoreIsToldOfInAFewLines() {
    #expect(
      StoreText.of(.calm, .narrow) == """
        STORE  8 KiB of 256 MiB
          oldest row waits for 1m
          full at the present rate: never
          full if nothing is delivered: in 21h28

        SEGMENTS  63 of 4 MiB
          used    1
          free   62
          failed  0

        UNDELIVERED
          platform 20 rows 1m
            3701…3720, 20

        FLASH  mmcblk0
          333 MiB written per day
          expected life: 46 years (7.4 GiB, 3000
          cycles, 4 bytes programmed for each written)
          it says: 10 to 20 % of its life are used
          stored at least every 1 s

        """)
  }

  @Test func theStoreOfAlarmsIsToldOfWhereThereIsOne() throws {
    var report = StoreReport.calm
    report.alarms = StoreReport.Alarms(
      capacity: 4 << 20, used: 8192, queued: 3, oldest: report.now.advanced(by: .seconds(-120)))
    let text = StoreText.of(report, .narrow)
    #expect(
      text.contains("\nALARMS  8 KiB of 4 MiB\n  3 rows undelivered, the oldest for 2m\n"), "\(text)")
    var buffer = ByteBuffer()
    report.appendJSON(to: &buffer)
    let json = try JSONValue(parsing: buffer.copyBytes())
    #expect(StoreReport(json: json)?.alarms == report.alarms)
  }

  @Test func whatIsNotKnownYetIsSaidPlainly() {
    var report = StoreReport.calm
    report.rate = StoreReport.Rate(measured: 12, writtenPerDay: nil, rowsPerDay: nil, growthPerDay: nil)
    report.life = nil
    let wide = Terminal(width: 100, isColoured: false)
    let text = StoreText.of(report, wide)
    #expect(text.contains("  full at the present rate: not known yet, measured for 12s\n"), "\(text)")
    #expect(text.contains("\n  written per day: not known yet, measured for 12s\n"), "\(text)")
    #expect(text.contains("\n  expected life: not known yet ("), "\(text)")
    report.budget = nil
    #expect(StoreText.of(report, wide).contains("expected life: not known, \"store\" has no \"flash\"\n"))
  }

  @Test func manyRunsAreAbbreviatedAndTheirRowsCounted() {
    var report = StoreReport.calm
    let runs = stride(from: UInt64(1), to: 3000, by: 100).map { $0...$0 + 9 }
    report.destinations = [StoreReport.Destination(name: "p", queued: 300, oldest: nil, runs: runs)]
    let text = StoreText.of(report, .narrow)
    #expect(text.contains("    1…10, 10\n"))
    #expect(text.contains("    401…410, 10\n    and 25 more runs with 250 rows\n"), "\(text)")
    // What comes over the wire may be anything.
    report.destinations[0].runs = [0...UInt64.max, 0...UInt64.max]
    report.destinations[0].runs += runs
    #expect(StoreText.of(report, .narrow).contains("and 27 more runs"))
  }

  @Test func anEndOfLifeIsTheFirstThingToSee() {
    var report = StoreReport.calm
    report.life = FlashLife(device: "mmcblk0", usedTenths: 11, preEndOfLife: 1)
    report.commitInterval = 10
    let text = StoreText.of(report, Terminal(width: 100, isColoured: false))
    #expect(text.contains("it says: all of its life is used\n"), "\(text)")
    #expect(text.contains("replace it now"))
    #expect(text.contains("stored at least every 10 s\n"))
  }

  @Test(arguments: [40, 46, 70, 100])
  func noLineIsWiderThanTheTerminal(width: Int) {
    var report = StoreReport.calm
    report.fault = "cannot write to the store: No space left on device, and much more to be said about it"
    report.life = FlashLife(device: String(repeating: "m", count: 20), usedTenths: 11, preEndOfLife: 3)
    for line in StoreText.of(report, Terminal(width: width, isColoured: false)).split(separator: "\n") {
      #expect(line.count <= width, "\(line)")
    }
  }
}
