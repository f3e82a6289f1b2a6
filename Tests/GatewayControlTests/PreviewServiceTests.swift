import GatewayControl
import GatewayCore
import Testing

/// `Preview` through a real socket.
@Suite struct PreviewServiceTests {
  private func ask(_ parameters: String) throws -> String? {
    var answer: String?
    try withServer { path, _ in
      let client = try RawClient(path)
      client.send("{\"method\":\"org.citygateway.Preview\",\"parameters\":\(parameters)}\0")
      answer = client.message()
    }
    return answer
  }

  @Test func theRequestsComeAsTheyWouldBeSent() throws {
    let head =
      #""headers":["Content-Type: text/plain","Authorization: Bearer ***, from token"],"#
      + #""line":"POST https://city.example/x"}],"source":"pending"}}"#
    #expect(
      try ask(#"{"destination":"platform"}"#)
        == #"{"parameters":{"requests":[{"body":"temperature 17.3\n","# + head)
    #expect(
      try ask(#"{"destination":"platform","points":["canopy"]}"#)
        == #"{"parameters":{"requests":[{"body":"temperature 17.3\n","# + head)
  }

  @Test func wrongNamesAreAnsweredWithTheRightOnes() throws {
    #expect(
      try ask(#"{"destination":"plattform"}"#)
        == #"{"error":"org.citygateway.UnknownDestination","parameters":{"destination":"plattform","#
        + #""known":["platform"]}}"#)
    #expect(
      try ask(#"{"destination":"platform","points":["canopi"]}"#)
        == #"{"error":"org.citygateway.UnknownPoint","parameters":{"known":["canopy.temperature"],"#
        + #""point":"canopi"}}"#)
    #expect(try ask("{}")?.contains(#""parameter":"destination""#) == true)
    #expect(try ask(#"{"destination":"platform","points":7}"#)?.contains(#""parameter":"points""#) == true)
  }
}
