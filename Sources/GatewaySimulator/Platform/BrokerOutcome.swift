internal import GatewayCore

/// What became of a request, and how each broker says it.
struct BrokerOutcome {
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

  static func problem(_ type: String, _ title: String, _ status: Int64?) -> JSONValue {
    var members: [String: JSONValue] = [
      "type": .string("https://uri.etsi.org/ngsi-ld/errors/\(type)"), "title": .string(title),
    ]
    if let status { members["status"] = .signed(status) }
    return .object(members)
  }

  private func error(
    _ id: String, _ type: String, _ title: String, _ status: Int64, _ manner: BrokerSimulator.Manner
  ) -> JSONValue {
    let problem = Self.problem(type, title, manner == .stellio ? nil : status)
    if manner == .scorpio {
      return .object(["type": .string("Upsert"), "id": .string(id), "ProblemDetails": problem])
    }
    return .object(["entityId": .string(id), "error": problem])
  }
}
