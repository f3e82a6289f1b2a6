import GatewayCore
import GatewaySimulator
import GatewaySystem
import Testing

@testable import GatewaySimulator

/// The platform as an InfluxDB and as a ThingsBoard.
@Suite struct PlatformDialectTests {
  private func with(_ body: (PlatformSimulator) throws -> Void) throws {
    let platform = try PlatformSimulator()
    defer { platform.stop() }
    try body(platform)
  }

  private func post(_ path: String, _ text: String, _ platform: PlatformSimulator) -> HTTPReply? {
    http(
      "POST", path, headers: ["Content-Type: application/json"], body: Array(text.utf8), at: platform.address)
  }

  private func line(_ seq: Int, value: String = "1", time: Int = 7) -> String {
    #"canopy,gateway=g,point=p value=\#(value),seq=\#(seq)i,stream="6b22b4c8d7155218" \#(time)"# + "\n"
  }

  @Test func linesAreReadAsTheReferenceHasThem() throws {
    let text = #"o\ d\,d=\x,t\=\,\ k=a\=b\ \c f\=1=-1.5e-3,i=-9i,b=t,s="a\"b\\c, =d" -5"#
    let line = try LineScanner.line(Array(text.utf8)[...])
    #expect(
      line
        == ProtocolLine(
          measurement: #"o d,d=\x"#, tags: ["t=, k": #"a=b \c"#],
          fields: [
            "f=1": .float(-0.0015), "i": .integer(-9), "b": .boolean(true), "s": .string(#"a"b\c, =d"#),
          ],
          time: -5))
    for wrong in [
      "", "m", "m ", "m f=1", "m f= 1", "m f=1 1 ", "m f=1,f=2 1", "m,t= f=1 1", "m,t=a,t=b f=1 1",
      "m,=a f=1 1",
      "m f=NaN 1", "m f=inf 1", "m f=1x 1", "m f=1.5i 1", "m f=\"a 1", "#m f=1 1", "m f=1 x", " m f=1 1",
      "m, f=1 1", "m f=0x1 1",
    ] {
      #expect(throws: LineScanner.Problem.self, "\(wrong)") { try LineScanner.line(Array(wrong.utf8)[...]) }
    }
  }

  @Test func eachLineIsThereOnceAndWhatTakesAnothersPlaceIsCounted() throws {
    try with { platform in
      let path = "/write?db=city&precision=u"
      #expect(post(path, line(1) + line(2, time: 8), platform)?.status == 204)
      #expect(post(path, line(2, time: 8) + line(3, time: 9), platform)?.status == 204)
      #expect(platform.stats.unique == 3 && platform.stats.duplicates == 1 && platform.stats.overwritten == 0)
      // The same in other units.
      #expect(post("/api/v2/write?org=o&bucket=b&precision=ns", line(1, time: 7000), platform)?.status == 204)
      #expect(platform.stats.overwritten == 0)
      #expect(post(path, line(4, time: 9), platform)?.status == 204)
      #expect(platform.stats.overwritten == 1)
      let stream = try #require(platform.stats.streams.first)
      #expect(stream.gateway == "g" && stream.unique == 4 && platform.stats.streams.count == 1)
    }
  }

  @Test func badLinesAreRefusedAndTheGoodOnesStored() throws {
    try with { platform in
      let path = "/write?db=city&precision=ms"
      let reply = post(
        path, line(1) + "nonsense\n" + line(2, value: "true", time: 8) + line(3, time: 9), platform)
      #expect(reply?.status == 400)
      #expect(
        reply?.json?["error"]?.string == "partial write: unable to parse 'nonsense': missing ' ' dropped=1")
      #expect(platform.stats.unique == 2 && platform.stats.rejected == 1)
      for path in [
        "/write?precision=u", "/write?db=a", "/write?db=a&precision=us", "/api/v2/write?precision=us",
      ] {
        #expect(post(path, line(1), platform)?.status == 400, "\(path)")
      }
      platform.set(.poison(3...3, status: 422))
      #expect(post(path, line(3, time: 9), platform)?.status == 422)
      #expect(post(path, line(4, time: 10), platform)?.status == 204)
    }
  }

  @Test func telemetryIsKeptByDeviceAndTime() throws {
    try with { platform in
      func send(_ token: String, _ text: String) -> Int? {
        post("/api/v1/\(token)/telemetry", text, platform)?.status
      }
      #expect(send("a", #"[{"ts":1,"values":{"x":1}},{"ts":2,"values":{"x":1}}]"#) == 200)
      #expect(send("a", #"[{"ts":2,"values":{"x":1}}]"#) == 200)
      #expect(send("b", #"[{"ts":2,"values":{"x":1}}]"#) == 200)
      #expect(platform.stats.unique == 3 && platform.stats.duplicates == 1 && platform.stats.overwritten == 0)
      #expect(send("b", #"[{"ts":2,"values":{"x":5}}]"#) == 200)
      #expect(platform.stats.overwritten == 1)
      for wrong in ["", "{}", "[]", #"[{"values":{"x":1}}]"#, #"[{"ts":1,"values":{}}]"#] {
        #expect(send("a", wrong) == 400, "\(wrong)")
      }
    }
  }

  @Test func anAnswerThatIsLostAfterStoringIsLostHereToo() throws {
    try with { platform in
      platform.set(.closeAfter)
      #expect(post("/write?db=city&precision=u", line(1), platform) == nil)
      #expect(platform.stats.unique == 1)
    }
  }
}
