internal import GatewayCore
internal import GatewaySystem
internal import Synchronization

/// The server behind `SensorThingsSimulator`.
final class SensorThingsService: HTTPService {
  private struct State: Sendable {
    var root = ""
    var entities = SensorThingsEntities()
    var schedule = FaultSchedule<PlatformFault>()
    var dice = SplitMix(seed: 7)
    var refused: Set<UInt64> = []
    var posts = 0
    var questions = 0
    /// Requests until one is broken off, and whether what it asks for is done.
    var fuse: (left: Int, isStored: Bool)?
  }

  private let manner: SensorThingsSimulator.Manner
  private let state: Mutex<State>

  init(_ manner: SensorThingsSimulator.Manner) {
    self.manner = manner
    var state = State()
    state.entities.usesTextIDs = manner == .django
    self.state = Mutex(state)
  }

  var root: String {
    get { state.withLock { $0.root } }
    set { state.withLock { $0.root = newValue } }
  }

  func add(_ fault: PlatformFault, _ term: FaultTerm) {
    state.withLock { $0.schedule.add(fault, term, now: SystemClock.boot) }
  }

  func clearFaults() { state.withLock { $0.schedule.removeAll() } }
  func refuse(_ numbers: Set<UInt64>) { state.withLock { $0.refused = numbers } }
  func count(_ set: String) -> Int { state.withLock { $0.entities.all(set).count } }
  var posts: Int { state.withLock { $0.posts } }
  var questions: Int { state.withLock { $0.questions } }

  var observations: [SensorThingsSimulator.Observation] {
    state.withLock { state in
      state.entities.all("Observations").map { entity in
        SensorThingsSimulator.Observation(
          datastream: entity.links["Datastream"] ?? "",
          recordID: entity.members["parameters"]?["recordId"]?.string ?? "",
          result: entity.members["result"]?.double)
      }
    }
  }

  // MARK: - Requests

  func breakOff(after requests: Int, isStored: Bool) { state.withLock { $0.fuse = (requests, isStored) } }

  func respond(to request: HTTPRequest) -> HTTPOutcome {
    let broken = state.withLock { state in
      guard let fuse = state.fuse else { return (isStored: Bool, Void)?.none }
      state.fuse = fuse.left > 0 ? (fuse.left - 1, fuse.isStored) : nil
      return fuse.left > 0 ? nil : (fuse.isStored, ())
    }
    guard let broken else { return answer(request) }
    if broken.isStored { _ = answer(request) }
    return .close
  }

  private func answer(_ request: HTTPRequest) -> HTTPOutcome {
    let path = request.path.split(separator: "/").map(String.init).dropFirst()
    guard request.path.hasPrefix("/v1.1/"), let last = path.last else {
      return .answer(HTTPAnswer(status: 404, error: "not here"))
    }
    if request.method == "GET" { return .answer(list(last, of: path.dropLast().last, request)) }
    guard request.method == "POST", request.header("Content-Type") == "application/json",
      request.header("Content-Encoding") == nil, request.header("Content-Length") != nil,
      let body = request.body.withBytes({ try? JSONValue(parsing: $0) })
    else { return .answer(HTTPAnswer(status: 400, error: "no JSON")) }
    if last == "CreateObservations" { return createObservations(body) }
    let made = state.withLock { $0.entities.create(last, body, under: path.dropLast().last) }
    return .answer(
      made ? HTTPAnswer(status: 201, body: .bytes([])) : HTTPAnswer(status: 400, error: "incomplete"))
  }

  private func list(_ set: String, of parent: String?, _ request: HTTPRequest) -> HTTPAnswer {
    let filter = request.query("$filter") ?? ""
    if manner == .django && filter.contains("phenomenonTime") {
      return HTTPAnswer(status: 500, error: "field")
    }
    guard let matches = SensorThingsFilter(filter) else { return HTTPAnswer(status: 400, error: "filter") }
    let skip = request.query("$skip").flatMap { Int($0) } ?? 0
    // Like a server whose pages are shorter than asked for.
    let top = min(request.query("$top").flatMap { Int($0) } ?? 100, 30)
    return state.withLock { state in
      if set == "Observations" { state.questions += 1 }
      let found = state.entities.all(set, under: parent).filter { matches.holds($0.members) }
      var answer: [String: JSONValue] = [
        "value": .array(found.dropFirst(skip).prefix(top).map { .object($0.members) })
      ]
      if found.count > skip + top { answer["@iot.nextLink"] = .string("http://elsewhere.invalid/next") }
      return HTTPAnswer(json: .object(answer))
    }
  }

  private func createObservations(_ body: JSONValue) -> HTTPOutcome {
    state.withLock { state in
      state.posts += 1
      let fault = state.schedule.strike(now: SystemClock.boot, dice: &state.dice)
      switch fault {
      case .closeBefore: return .close
      case .hang: return .hang
      case .status(let status, let retryAfter, let contentType, let body):
        return .answer(
          HTTPAnswer(
            status: status, contentType: contentType, retryAfter: retryAfter, body: .bytes(Array(body.utf8))))
      default: break
      }
      guard let groups = body.array else { return .answer(HTTPAnswer(status: 400, error: "no array")) }
      var answers: [JSONValue] = []
      for group in groups {
        guard let texts = store(group, &state) else {
          return .answer(HTTPAnswer(status: 400, error: "a group that is none"))
        }
        answers += texts
      }
      return fault == .closeAfter ? .close : .answer(HTTPAnswer(status: 201, json: .array(answers)))
    }
  }

  /// What each row is answered; nil for what is no group.
  private func store(_ group: JSONValue, _ state: inout State) -> [JSONValue]? {
    guard let id = group["Datastream"]?["@iot.id"],
      let components = group["components"]?.array?.compactMap(\.string),
      let rows = group["dataArray"]?.array?.compactMap(\.array),
      group["dataArray@iot.count"]?.integer == Int64(rows.count)
    else { return nil }
    let observations = rows.map { row in
      JSONValue.object(Dictionary(zip(components, row)) { first, _ in first })
    }
    let isKnown = state.entities.holds("Datastreams", id)
    let verdicts = observations.map { isKnown && isGood($0, state.refused) }
    if manner == .django && verdicts.contains(false) {
      return verdicts.map { _ in JSONValue.string("error") }
    }
    return zip(observations, verdicts).map { observation, isStored in
      guard isStored else { return .string("error: a row that is refused") }
      let new = state.entities.add("Observations", observation, ["Datastream": SensorThingsEntities.text(id)])
      return .string("\(state.root)/Observations(\(new))")
    }
  }

  private func isGood(_ observation: JSONValue, _ refused: Set<UInt64>) -> Bool {
    guard observation["phenomenonTime"]?.string != nil, let result = observation["result"],
      manner == .frost || result != .null
    else { return false }
    let number = observation["parameters"]?["recordId"]?.string?.split(separator: "-").last.flatMap {
      UInt64($0)
    }
    return number.map { !refused.contains($0) } ?? true
  }
}
