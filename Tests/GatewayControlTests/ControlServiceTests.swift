import GatewayControl
import GatewayCore
import Synchronization
import Testing

@Suite struct ControlServiceTests {
  private let cabinet = Cabinet()

  private func answer(
    _ method: String, _ parameters: [String: JSONValue] = [:], mayChange: Bool = true, oneway: Bool = false,
    upgrade: Bool = false
  ) -> String {
    let call = VarlinkCall(
      method: method, parameters: .object(parameters), isOneway: oneway, wantsUpgrade: upgrade)
    guard case .reply(let bytes) = ControlService(delegate: cabinet).answer(call, mayChange: mayChange) else {
      return "replies"
    }
    return String(decoding: bytes.dropLast(bytes.last == 0 ? 1 : 0), as: UTF8.self)
  }

  @Test func theServiceDescribesItself() throws {
    let reply = answer("org.varlink.service.GetInfo")
    #expect(
      reply
        == #"{"parameters":{"interfaces":["org.varlink.service","org.citygateway"],"product":"gatewayd","#
        + #""url":"","vendor":"street-cabinet-gateway","version":"\#(GatewayVersion.text)"}}"#)
    for name in ["org.varlink.service", "org.citygateway"] {
      let text = answer("org.varlink.service.GetInterfaceDescription", ["interface": .string(name)])
      let description = try JSONValue(parsing: text)["parameters"]?["description"]?.string
      #expect(description?.contains("interface \(name)\n") == true)
    }
  }

  @Test func statusParametersAreTheContractsObject() {
    #expect(
      answer("org.citygateway.Status")
        == "{\"parameters\":" + String(decoding: StatusSnapshot.calm.json, as: UTF8.self) + "}")
  }

  @Test func sensorsGivesEachPoint() {
    #expect(
      answer("org.citygateway.Sensors")
        == #"{"parameters":{"points":[{"name":"canopy.temperature","value":17.3,"unit":"CEL","#
        + #""time":"2026-11-22T21:00:57.000Z","quality":"good"}]}}"#)
  }

  @Test func watchWithoutMoreIsOneReply() {
    cabinet.state.withLock { $0.snapshot = .troubled }
    #expect(
      answer("org.citygateway.Watch", ["points": .array([.string("old-weather-station")])])
        == #"{"parameters":{"readings":[{"point":"old-weather-station.wind-speed-gusts","value":null,"#
        + #""unit":"MTS","time":"2026-11-19T09:41:00.000Z","quality":"bad","reason":"timeout"}]}}"#)
  }

  @Test func wrongCallsGetVarlinksErrors() {
    func error(_ name: String, _ parameters: String) -> String {
      #"{"error":"org.varlink.service.\#(name)","parameters":\#(parameters)}"#
    }
    #expect(answer("org.nowhere.Do") == error("InterfaceNotFound", #"{"interface":"org.nowhere"}"#))
    #expect(answer("org.citygateway.Do") == error("MethodNotFound", #"{"method":"org.citygateway.Do"}"#))
    #expect(
      answer("org.varlink.service.Do") == error("MethodNotFound", #"{"method":"org.varlink.service.Do"}"#))
    #expect(answer("Status") == error("InvalidParameter", #"{"parameter":"method"}"#))
    #expect(
      answer("org.citygateway.Status", upgrade: true)
        == error("MethodNotImplemented", #"{"method":"org.citygateway.Status"}"#))
    for points in [JSONValue.string("a"), .array([.bool(true)])] {
      #expect(
        answer("org.citygateway.Watch", ["points": points])
          == error("InvalidParameter", #"{"parameter":"points"}"#))
    }
    #expect(
      answer("org.varlink.service.GetInterfaceDescription", ["interface": .string("x.y")])
        == error("InterfaceNotFound", #"{"interface":"x.y"}"#))
    #expect(
      answer("org.varlink.service.GetInterfaceDescription")
        == error("InvalidParameter", #"{"parameter":"interface"}"#))
  }

  @Test func onlyWhoMayChangeDoes() {
    for verb in ["Reload", "Flush", "Read", "Scan"] {
      #expect(
        answer("org.citygateway.\(verb)", mayChange: false)
          == #"{"error":"org.varlink.service.PermissionDenied","parameters":{}}"#)
    }
    #expect(cabinet.state.withLock { $0.reloads + $0.flushes } == 0)
    #expect(answer("org.citygateway.Reload") == #"{"parameters":{}}"#)
    #expect(answer("org.citygateway.Flush") == #"{"parameters":{"queued":20}}"#)
    #expect(cabinet.state.withLock { $0.reloads + $0.flushes } == 2)
  }

  @Test func aRefusedConfigurationNamesItsProblems() {
    cabinet.state.withLock { $0.problems = ["gateway.yaml:3:7: no", "gateway.yaml:9:1: neither"] }
    #expect(
      answer("org.citygateway.Reload")
        == #"{"error":"org.citygateway.ConfigInvalid","parameters":{"problems":["gateway.yaml:3:7: no","#
        + #""gateway.yaml:9:1: neither"]}}"#)
  }

  @Test func aOnewayCallIsDoneAndNotAnswered() {
    #expect(answer("org.citygateway.Flush", oneway: true) == "")
    #expect(answer("org.nowhere.Do", oneway: true) == "")
    #expect(cabinet.state.withLock { $0.flushes } == 1)
  }

  @Test func aSubscriberSeesEachReadingOnce() {
    var watched = WatchedPoints(names: [])
    var points = StatusSnapshot.troubled.points
    #expect(watched.news(in: points).map(\.name) == points.dropLast().map(\.name))
    #expect(watched.news(in: points).isEmpty)
    points[1].time = .nine
    #expect(watched.news(in: points).map(\.name) == ["canopy.energy"])
    #expect(watched.news(in: points).isEmpty)
  }
}
