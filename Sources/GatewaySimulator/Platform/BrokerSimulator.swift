package import GatewayCore
package import GatewaySystem
internal import Synchronization

/// An NGSI-LD broker as far as batch upsert goes: checks every request by the standard, keeps what was observed, and
/// answers in the manner of one of the brokers that cities run. Listening from `init` to `stop`. Thread-safe.
package final class BrokerSimulator: Sendable {
  /// How the answer is worded where not everything went well.
  package enum Manner: String, Sendable, CaseIterable {
    /// ETSI GS CIM 009: 207 with `success` and `errors`.
    case standard
    /// Sometimes an id in both lists: instances were merged.
    case orionLD = "orion-ld"
    /// `errors` with `id` and `ProblemDetails`; where all failed under 400 or 503, without `success`.
    case scorpio
    /// Errors of `type` and `title` alone.
    case stellio
  }

  package struct Options: Sendable {
    package var listen = ListenAddress(port: 0)
    package var manner = Manner.standard
    package var tenant: String?
    /// Requests that are stored and then not answered.
    package var lostShare = 0.0
    /// Entities that are not stored this time: InternalError.
    package var busyShare = 0.0
    /// An attribute with this value is refused with its entity.
    package var poison: Double?
    package var seed: UInt64 = 1

    package init() {}
  }

  package struct Observation: Hashable, Sendable {
    package var entity: String
    package var attribute: String
    package var observedAt: String

    package init(entity: String, attribute: String, observedAt: String) {
      self.entity = entity
      self.attribute = attribute
      self.observedAt = observedAt
    }
  }

  package struct Books: Sendable {
    /// How often each came.
    package var history: [Observation: Int] = [:]
    /// What each attribute shows now, `entity attribute` to `observedAt`.
    package var current: [String: String] = [:]
    package var requests = 0
    package var lostAnswers = 0
    /// What no request may look like; always a bug of the sender.
    package var violations: [String] = []
    var entities: Set<String> = []

    package var json: JSONValue {
      .object([
        "requests": .count(UInt64(requests)), "lostAnswers": .count(UInt64(lostAnswers)),
        "observations": .count(UInt64(history.count)),
        "received": .count(UInt64(history.values.reduce(0, +))),
        "violations": .array(violations.map { .string($0) }),
      ])
    }
  }

  package let address: ListenAddress
  private let service: BrokerService
  private let server: HTTPServer

  package init(_ options: Options = Options()) throws(SystemError) {
    service = BrokerService(options)
    server = try HTTPServer(options.listen, service: service)
    address = server.address
  }

  deinit { stop() }

  package var url: String { "http://\(address)" }
  package var books: Books { service.books }
  package func stop() { server.stop() }
}

/// The broker behind its HTTP server.
private final class BrokerService: HTTPService {
  private struct State: Sendable {
    var books = BrokerSimulator.Books()
    var dice: SplitMix
  }

  private let options: BrokerSimulator.Options
  private let state: Mutex<State>

  init(_ options: BrokerSimulator.Options) {
    self.options = options
    state = Mutex(State(dice: SplitMix(seed: options.seed)))
  }

  var books: BrokerSimulator.Books { state.withLock { $0.books } }

  func respond(to request: HTTPRequest) -> HTTPOutcome {
    do throws(BrokerRequest.Problem) {
      let entities = try BrokerRequest.read(request, tenant: options.tenant)
      return state.withLock { take(entities, &$0) }
    } catch {
      state.withLock {
        $0.books.requests += 1
        $0.books.violations.append(error.text)
      }
      return .answer(HTTPAnswer(status: 400, json: Self.problem("BadRequestData", error.text, 400)))
    }
  }

  private func take(_ entities: [BrokerRequest.Entity], _ state: inout State) -> HTTPOutcome {
    state.books.requests += 1
    var outcome = BrokerOutcome()
    for entity in entities {
      if entity.attributes.contains(where: { $0.value == options.poison && options.poison != nil }) {
        outcome.failed.append((entity.id, "BadRequestData", 400))
      } else if state.dice.unit() < options.busyShare {
        outcome.failed.append((entity.id, "InternalError", 500))
      } else {
        store(entity, &state.books)
        outcome.stored.append(entity.id)
        if state.books.entities.insert(entity.id).inserted { outcome.created.append(entity.id) }
      }
    }
    if state.dice.unit() < options.lostShare {
      state.books.lostAnswers += 1
      return .close
    }
    let merges = options.manner == .orionLD && state.dice.unit() < 0.2
    return .answer(outcome.answer(options.manner, merges: merges))
  }

  private func store(_ entity: BrokerRequest.Entity, _ books: inout BrokerSimulator.Books) {
    for attribute in entity.attributes {
      let observation = BrokerSimulator.Observation(
        entity: entity.id, attribute: attribute.name, observedAt: attribute.observedAt)
      books.history[observation, default: 0] += 1
      books.current["\(entity.id) \(attribute.name)"] = attribute.observedAt
    }
  }

  static func problem(_ type: String, _ title: String, _ status: Int64?) -> JSONValue {
    var members: [String: JSONValue] = [
      "type": .string("https://uri.etsi.org/ngsi-ld/errors/\(type)"), "title": .string(title),
    ]
    if let status { members["status"] = .signed(status) }
    return .object(members)
  }
}

/// What became of a request, and how each broker says it.
private struct BrokerOutcome {
  var stored: [String] = []
  var created: [String] = []
  var failed: [(id: String, type: String, status: Int64)] = []

  func answer(_ manner: BrokerSimulator.Manner, merges: Bool) -> HTTPAnswer {
    if failed.isEmpty && !merges {
      if created.isEmpty { return HTTPAnswer(status: 204, body: .bytes([])) }
      return HTTPAnswer(status: 201, json: .array(created.map { .string($0) }))
    }
    var errors = failed.map { error($0.id, $0.type, "refused", $0.status, manner) }
    if merges { errors += stored.map { error($0, "BadRequestData", "Duplicated Entity", 400, manner) } }
    let success = stored.map { JSONValue.string($0) }
    if manner == .scorpio && stored.isEmpty {
      let status = failed.map(\.status).max() == 500 ? 503 : 400
      return HTTPAnswer(status: status, json: .object(["errors": .array(errors)]))
    }
    return HTTPAnswer(status: 207, json: .object(["success": .array(success), "errors": .array(errors)]))
  }

  private func error(
    _ id: String, _ type: String, _ title: String, _ status: Int64, _ manner: BrokerSimulator.Manner
  ) -> JSONValue {
    let problem = BrokerService.problem(type, title, manner == .stellio ? nil : status)
    if manner == .scorpio {
      return .object(["type": .string("Upsert"), "id": .string(id), "ProblemDetails": problem])
    }
    return .object(["entityId": .string(id), "error": problem])
  }
}
