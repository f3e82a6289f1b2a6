internal import GatewayCore

/// The platform's control requests: `POST /control/fault?kind=…`, `DELETE /control/fault`,
/// `POST /control/down?seconds=…`, `GET /control/stats`, `GET /control/rows?stream=…`.
enum PlatformControl {
  static func respond(to request: HTTPRequest, _ service: PlatformService) -> HTTPAnswer {
    switch (request.method, request.path) {
    case ("GET", "/control/stats"): return HTTPAnswer(json: service.stats.json)
    case ("GET", "/control/rows"): return rows(request, service)
    case ("DELETE", "/control/fault"):
      service.clearFaults()
      return HTTPAnswer(json: .object([:]))
    case ("POST", "/control/fault"):
      guard let fault = fault(request), let term = ControlParameters.term(request) else {
        return HTTPAnswer(status: 400, error: "not a fault: kind, its parameters, seconds, share or count")
      }
      service.add(fault, term)
      return HTTPAnswer(json: .object([:]))
    case ("POST", "/control/down"):
      guard let term = ControlParameters.term(request), let duration = term.duration else {
        return HTTPAnswer(status: 400, error: "for how many seconds?")
      }
      service.goDown(for: duration)
      return HTTPAnswer(json: .object([:]))
    default: return HTTPAnswer(status: 404, error: "no such control request")
    }
  }

  private static func rows(_ request: HTTPRequest, _ service: PlatformService) -> HTTPAnswer {
    guard let stream = request.query("stream") else {
      return HTTPAnswer(status: 400, error: "of which stream?")
    }
    let from = request.query("from").flatMap { UInt64($0) } ?? 0
    let to = request.query("to").flatMap { UInt64($0) } ?? .max
    let lines = service.rows(of: stream).filter { $0.seq >= from && $0.seq <= to }.map { $0.text + "\n" }
    return HTTPAnswer(status: 200, contentType: "application/jsonl", body: .bytes(Array(lines.joined().utf8)))
  }

  private static func fault(_ request: HTTPRequest) -> PlatformFault? {
    switch request.query("kind") {
    case "status":
      ControlParameters.number(request, "status", in: 200...599).map { status in
        .status(
          status, retryAfter: request.query("retry-after"),
          contentType: request.query("type") ?? "application/json",
          body: request.query("body") ?? #"{"error":"as asked"}"#)
      }
    case "delay": ControlParameters.number(request, "ms", in: 0...3_600_000).map { .delay(.milliseconds($0)) }
    case "hang": .hang
    case "close-before": .closeBefore
    case "close-after": .closeAfter
    case "slow": .slow
    case "huge": .huge
    case "truncate": .truncate
    case "poison": poison(request)
    case "row-limit": ControlParameters.number(request, "rows", in: 1...1_000_000).map { .rowLimit($0) }
    default: nil
    }
  }

  private static func poison(_ request: HTTPRequest) -> PlatformFault? {
    guard let first = request.query("first").flatMap({ UInt64($0) }) else { return nil }
    let last = request.query("last").flatMap { UInt64($0) } ?? first
    guard last >= first else { return nil }
    return .poison(first...last, status: ControlParameters.number(request, "status", in: 400...499) ?? 422)
  }
}
