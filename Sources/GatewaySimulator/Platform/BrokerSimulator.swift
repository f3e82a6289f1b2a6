internal import GatewayCore
package import GatewaySystem
internal import Synchronization

/// An NGSI-LD broker as far as batch upsert and temporal evolution go: checks every request by the standard, keeps what was observed, and
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
    /// What is answered where the temporal API should be; nil: it is there.
    package var historyStatus: Int?
    package var seed: UInt64 = 1

    package init() {}
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
  /// While it is away, each connection is closed without a word and nothing is stored.
  package func set(isAway: Bool) { service.set(isAway: isAway) }
  package func stop() { server.stop() }
}

/// The broker behind its HTTP server.
private final class BrokerService: HTTPService {
  private struct State: Sendable {
    var books = BrokerSimulator.Books()
    var dice: SplitMix
    var isAway = false
  }

  private let options: BrokerSimulator.Options
  private let state: Mutex<State>

  init(_ options: BrokerSimulator.Options) {
    self.options = options
    state = Mutex(State(dice: SplitMix(seed: options.seed)))
  }

  var books: BrokerSimulator.Books { state.withLock { $0.books } }

  func set(isAway: Bool) { state.withLock { $0.isAway = isAway } }

  func respond(to request: HTTPRequest) -> HTTPOutcome {
    let isAway = state.withLock { state in
      if state.isAway { state.books.missed += 1 }
      return state.isAway
    }
    if isAway { return .close }
    do throws(BrokerRequest.Problem) {
      let read = try BrokerRequest(request, tenant: options.tenant)
      return state.withLock { read.isHistory ? takeHistory(read.entities[0], &$0) : take(read.entities, &$0) }
    } catch {
      state.withLock {
        $0.books.requests += 1
        $0.books.violations.append(error.text)
      }
      return .answer(HTTPAnswer(status: 400, json: BrokerOutcome.problem("BadRequestData", error.text, 400)))
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
        state.books.show(entity)
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

  /// One entity: the answer is a status, and not a list.
  private func takeHistory(_ entity: BrokerRequest.Entity, _ state: inout State) -> HTTPOutcome {
    state.books.requests += 1
    if let status = options.historyStatus {
      let title = status == 503 ? "TRoE Not Enabled" : "no such service"
      return .answer(HTTPAnswer(status: status, json: BrokerOutcome.problem("", title, nil)))
    }
    if entity.attributes.contains(where: { $0.value == options.poison && options.poison != nil }) {
      return .answer(
        HTTPAnswer(status: 400, json: BrokerOutcome.problem("BadRequestData", "refused", 400)))
    }
    if state.dice.unit() < options.busyShare {
      return .answer(HTTPAnswer(status: 500, json: BrokerOutcome.problem("InternalError", "busy", 500)))
    }
    let isNew = state.books.keep(entity)
    if state.dice.unit() < options.lostShare {
      state.books.lostAnswers += 1
      return .close
    }
    return .answer(HTTPAnswer(status: isNew ? 201 : 204, body: .bytes([])))
  }
}
