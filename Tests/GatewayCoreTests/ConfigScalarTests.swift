internal import GatewayCore
internal import Testing

/// The notations of single values: durations, sizes, names, hosts, and the words that people misspell.
@Suite struct ConfigScalarTests {
  @Test(
    arguments: [
      ("250ms", 250_000), ("5s", 5_000_000), ("10m", 600_000_000), ("1h", 3_600_000_000),
      ("30d", 2_592_000_000_000),
      ("1.5s", 1_500_000), ("0.25ms", 250), ("0s", 0), ("0.000001s", 1),
    ] as [(String, Int64)])
  func durationsAreExact(text: String, microseconds: Int64) {
    #expect(Duration(configText: text) == .microseconds(microseconds))
  }

  @Test(arguments: [
    "", "5", "s", "ms", "-5s", "+5s", "5 s", "5S", "5sec", "1,5s", "1.s", ".5s", "1.2.3s", "0.0000001s",
    "5us",
    "99999999999999999999d", "9223372036854775807h", "1e3s", "٣s", "5s\n",
  ])
  func otherDurationsAreRefused(text: String) { #expect(Duration(configText: text) == nil) }

  @Test(arguments: [
    ("0", 0), ("1048576", 1 << 20), ("512KiB", 512 << 10), ("1MiB", 1 << 20), ("3GiB", 3 << 30),
    ("1TiB", 1 << 40),
  ])
  func sizesAreExact(text: String, bytes: Int) { #expect(byteSize(configText: text) == bytes) }

  @Test(arguments: [
    "", "-1", "KiB", "1.5MiB", "1 MiB", "256MB", "256mib", "010", "9223372036854775807KiB", "0x10",
  ])
  func otherSizesAreRefused(text: String) { #expect(byteSize(configText: text) == nil) }

  @Test(arguments: [
    ("9600bit/s", 9600), ("256kbit/s", 256_000), ("1.5Mbit/s", 1_500_000), ("1Gbit/s", 1_000_000_000),
  ])
  func ratesAreExact(text: String, bits: Int) { #expect(bitRate(configText: text) == bits) }

  @Test(arguments: [
    "", "256", "256k", "256kbps", "256 kbit/s", "256Kbit/s", "32kB/s", "-1kbit/s", "0.5bit/s", "kbit/s",
    "99999999999999Gbit/s",
  ])
  func otherRatesAreRefused(text: String) { #expect(bitRate(configText: text) == nil) }

  @Test func aRateIsSuggestedWhereItIsClearWhatWasMeant() {
    let form = ScalarForm.bitRate("8kbit/s", "1Gbit/s")
    #expect(form.expectation == "a rate from 8kbit/s to 1Gbit/s")
    #expect(form.parse("8kbit/s", true) == 8000 && form.parse("1Gbit/s", true) == 1_000_000_000)
    #expect(form.parse("7.999kbit/s", true) == nil && form.parse("1.1Gbit/s", true) == nil)
    for text in ["256k", "256kbps", "256 Kbit/s", "256kb/s", "256KBIT/S"] {
      #expect(form.nearest(text) == "256kbit/s", "\(text)")
    }
    #expect(form.nearest("2M") == "2Mbit/s" && form.nearest("64000") == "64000bit/s")
    for text in ["32kB/s", "32KiB/s", "32kbyte/s", "1k", "fast", ""] {
      #expect(form.nearest(text) == nil, "\(text)")
    }
  }

  @Test func wholeNumbersHaveOneReading() {
    #expect(wholeNumber("0") == 0)
    #expect(wholeNumber("-17") == -17)
    for text in ["", "-", "+1", "017", "1.0", "1e3", "1_000", "9223372036854775808"] {
      #expect(wholeNumber(text) == nil)
    }
  }

  @Test func namesHave63Characters() {
    #expect(isName("Mains-1_b"))
    #expect(isName(String(repeating: "a", count: 63)))
    #expect(!isName(String(repeating: "a", count: 64)))
    for text in ["", "-a", "_a", "a.b", "a b", "ä", "a\0"] { #expect(!isName(text)) }
    #expect(!isName("Cabinet", allowsCapitals: false, others: "-"))
  }

  @Test func theNearestWordIsAFewSlipsAway() {
    let words = ["name", "at", "type", "temperature", "stddev", "functions"]
    #expect(nearestWord(to: "nmae", in: words) == "name")
    #expect(nearestWord(to: "Name", in: words) == "name")
    #expect(nearestWord(to: "typ", in: words) == "type")
    #expect(nearestWord(to: "tempreature", in: words) == "temperature")
    #expect(nearestWord(to: "temp", in: words) == "temperature")
    #expect(nearestWord(to: "std", in: words) == "stddev")
    #expect(nearestWord(to: "function", in: words) == "functions")
    #expect(nearestWord(to: "colour", in: words) == nil)
    #expect(nearestWord(to: "", in: words) == nil)
    #expect(nearestWord(to: "name", in: []) == nil)
    #expect(nearestWord(to: String(repeating: "name", count: 1000), in: words) == nil)
  }

  @Test func aMisspellingIsNearerThanAnAbbreviation() {
    #expect(nearestWord(to: "modbus-tpc", in: ["modbus", "modbus-tcp"]) == "modbus-tcp")
  }

  @Test func hostsAndPortsAreTakenApart() throws {
    #expect(NetworkPlace("192.0.2.10:502")?.port == 502)
    #expect(NetworkPlace("plc-1.yard_2.example")?.host == "plc-1.yard_2.example")
    let local = try #require(NetworkPlace("[::1]:1502"))
    #expect(local.host == "::1" && local.port == 1502 && local.isLoopback)
    for text in ["[fe80::1%eth0]", "[2001:db8::192.0.2.1]:1", "[1:2:3:4:5:6:7:8]", "[::]", "[1::]"] {
      #expect(NetworkPlace(text) != nil, "\(text)")
    }
  }

  @Test(arguments: [
    "", ":502", "host:", "host:0", "host:65536", "host:-1", "host:+1", "host:1:2", "::1", "[::1", "[]:1",
    "[::1]1",
    "[1::2::3]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[12345::]", "[:1]", "[1:]", "[::1:]", "[g::]",
    "256.1.1.1",
    "1.2.3", "1.2.3.4.5", "01.2.3.4", "a..b", "-a", "a-", "a b", "a/b", "ä.example", "[1.2.3.4::1]", "[::1%]",
  ])
  func otherPlacesAreRefused(text: String) { #expect(NetworkPlace(text) == nil) }

  @Test func onlyThisMachineIsLoopback() {
    for text in ["localhost", "LOCALHOST:80", "127.0.0.1", "127.9.9.9:1", "[::1]"] {
      #expect(NetworkPlace(text)?.isLoopback == true, "\(text)")
    }
    for text in ["127.evil.example", "localhost.example", "128.0.0.1", "[::2]", "127"] {
      #expect(NetworkPlace(text)?.isLoopback != true, "\(text)")
    }
  }

  @Test func aRepeatedTextIsShortAndPrintable() {
    #expect(quoted("a\u{1B}[31mb\n") == "\"a?[31mb?\"")
    #expect(quoted(String(repeating: "x", count: 1000)).count == 63)
  }

  @Test func problemsAreSortedByPlaceAndSaidOnce() {
    let late = ConfigProblem(line: 10, column: 1, sentence: "c")
    let early = ConfigProblem(line: 2, column: 30, sentence: "b")
    let first = ConfigProblem(line: 2, column: 4, sentence: "a")
    let problems = ConfigProblems(file: "f", [late, early, first, late])
    #expect(problems.list == [first, early, late])
    #expect(problems.description == "f:2:4: a\nf:2:30: b\nf:10:1: c")
  }
}
