/// Reads a broker's answer to a batch upsert entity by entity: BatchOperationResult (ETSI GS CIM 009, 5.2.16) with
/// 207, and what Scorpio sends in its place: `errors` alone, with other names, under the status of an error.
enum NGSIAnswer {
  /// nil where the answer says nothing about single entities: then its status counts.
  static func verdict(_ answer: DeliveryAnswer, _ request: DeliveryRequest) -> DeliveryVerdict? {
    let json = answer.body.isEmpty ? nil : try? JSONValue(parsing: answer.body)
    if let verdict = problem(json, answer)?.verdict(answer) { return verdict }
    guard answer.status == 207 || json?["errors"]?.array != nil else { return nil }
    guard let json, json["errors"]?.array != nil || json["success"]?.array != nil else {
      let cause = "status 207, but the answer does not say what became of each entity"
      return .keep(.misconfigured, cause: cause, retryAfter: nil)
    }
    return Result(json).verdict(on: request, answer)
  }

  /// On what was posted to the temporal API (ETSI GS CIM 009, 6.18.3.1); nil where the status says it all.
  static func verdict(onHistory answer: DeliveryAnswer) -> DeliveryVerdict? {
    let problem = problem(try? JSONValue(parsing: answer.body), answer)
    if let verdict = problem?.verdict(answer) { return verdict }
    switch answer.status {
    case 404, 405, 501: return withoutHistory(answer)
    // Orion-LD that was started without -troe.
    case 503 where problem?.text.lowercased().contains("troe") == true: return withoutHistory(answer)
    default: return nil
    }
  }

  private static func withoutHistory(_ answer: DeliveryAnswer) -> DeliveryVerdict {
    let cause =
      "\(DeliveryPolicy.cause(answer)); the backlog waits: the broker takes no history at"
      + " /ngsi-ld/v1/temporal/entities, switch that on there or leave \"history: temporal\" out"
    return .keep(.misconfigured, cause: cause, retryAfter: nil)
  }

  private static func problem(_ json: JSONValue?, _ answer: DeliveryAnswer) -> Problem? {
    answer.status >= 400 ? json.flatMap(Problem.init) : nil
  }

  /// What is wrong with a request or an entity: ProblemDetails (RFC 9457), of which only `type` is sure to be there.
  private struct Problem {
    /// The end of `https://uri.etsi.org/ngsi-ld/errors/…`.
    var type: String
    var status: Int64?
    var text: String

    init?(_ json: JSONValue) {
      guard json.object != nil else { return nil }
      type = json["type"]?.string.map { String($0.split(separator: "/").last ?? "") } ?? ""
      status = json["status"]?.integer
      let words = [type, json["title"]?.string ?? "", json["detail"]?.string ?? ""].filter { !$0.isEmpty }
      let line = words.joined(separator: ", ").unicodeScalars.map {
        $0.value >= 0x20 && $0.value < 0x7F ? $0 : " "
      }
      text = String(String.UnicodeScalarView(line.prefix(200)))
    }

    private static let settings = ["NonexistentTenant", "NoMultiTenantSupport"]
    private static let passing = ["LdContextNotAvailable", "InternalError", "TooManyResults"]

    /// On a whole request, where the type says more than the status.
    func verdict(_ answer: DeliveryAnswer) -> DeliveryVerdict? {
      // Orion-LD without tenants: 400 BadRequestData, "Tenants not supported".
      let isTenant = Self.settings.contains(type) || text.lowercased().contains("tenants not supported")
      if isTenant { return DeliveryPolicy.keep(.misconfigured, answer) }
      return type == "LdContextNotAvailable" ? DeliveryPolicy.keep(.busy, answer) : nil
    }

    /// Whether the entity may be taken another time: only what speaks of the data itself is for ever.
    var isPassing: Bool {
      if Self.settings.contains(type) || Self.passing.contains(type) { return true }
      if let status { return !(400...499 ~= status) || [401, 403, 408, 425, 429].contains(status) }
      return type.isEmpty
    }
  }

  private struct Result {
    private var success: Set<String> = []
    private var errors: [String: Problem] = [:]

    init(_ json: JSONValue) {
      for id in json["success"]?.array ?? [] {
        if let id = id.string { success.insert(id) }
      }
      for error in json["errors"]?.array ?? [] {
        guard let id = (error["entityId"] ?? error["id"])?.string else { continue }
        let problem = error["error"] ?? error["ProblemDetails"] ?? .object([:])
        if errors[id] == nil { errors[id] = Problem(problem) }
      }
    }

    /// What is in both lists was stored (Orion-LD, which merges instances). What is in neither is sent again.
    func verdict(on request: DeliveryRequest, _ answer: DeliveryAnswer) -> DeliveryVerdict {
      var refused: [RowRefusal] = []
      var again: [UInt64] = []
      var cause: String?
      for item in request.items where !success.contains(item.name) {
        let problem = errors[item.name]
        let what = "\(item.name): \(problem?.text ?? "not mentioned in the answer")"
        cause = cause ?? "status \(answer.status), \(what)"
        guard let problem, !problem.isPassing else {
          again += item.rows
          continue
        }
        // One of its attributes is to blame: which, only smaller requests show.
        if item.rows.count > 1 || request.rows.count == 1 {
          return .refused(cause: "status \(answer.status), \(what)")
        }
        refused += item.rows.map { RowRefusal(seq: $0, cause: what) }
      }
      guard let cause else { return .accepted }
      if refused.isEmpty && again.count == request.items.reduce(0, { $0 + $1.rows.count }) {
        let wait = DeliveryPolicy.wait(seconds: answer.retryAfter)
        return .keep(.busy, cause: cause, retryAfter: wait)
      }
      return .partly(refused: refused, again: again.sorted(), cause: cause)
    }
  }
}
