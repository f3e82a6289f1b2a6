internal import GatewayCore
package import GatewaySystem

/// The field's control port: `POST /fault?kind=…&server=0&unit=3&seconds=10&share=0.5`, `DELETE /fault`,
/// `GET /stats`. Open from `init` to `stop`.
package final class FieldControl: Sendable {
  private let server: HTTPServer

  package init(_ field: FieldSimulator, listen: ListenAddress) throws(SystemError) {
    server = try HTTPServer(listen, service: Desk(field))
  }

  deinit { stop() }

  package var address: ListenAddress { server.address }

  package func stop() { server.stop() }

  private final class Desk: HTTPService {
    private let field: FieldSimulator

    init(_ field: FieldSimulator) { self.field = field }

    func respond(to request: HTTPRequest) -> HTTPOutcome {
      do throws(SystemError) {
        return .answer(try act(request))
      } catch {
        return .answer(HTTPAnswer(status: 500, error: error.description))
      }
    }

    private func act(_ request: HTTPRequest) throws(SystemError) -> HTTPAnswer {
      switch (request.method, request.path) {
      case ("GET", "/stats"): return HTTPAnswer(json: field.stats.json)
      case ("DELETE", "/fault"):
        try field.clearFaults()
        return HTTPAnswer(json: .object([:]))
      case ("POST", "/fault"):
        guard let fault = fault(request), let term = ControlParameters.term(request) else {
          return HTTPAnswer(
            status: 400, error: "not a fault: kind, ms or code, server, unit, seconds, share or count")
        }
        try field.set(fault, for: term)
        return HTTPAnswer(json: .object([:]))
      default: return HTTPAnswer(status: 404, error: "no such control request")
      }
    }

    private func fault(_ request: HTTPRequest) -> FieldFault? {
      let milliseconds = ControlParameters.number(request, "ms", in: 0...3_600_000)
      let code = ControlParameters.number(request, "code", in: 1...255).map { UInt8($0) }
      let server = ControlParameters.number(request, "server", in: 0...field.places.count - 1)
      let unit = ControlParameters.number(request, "unit", in: 0...255).map { UInt8($0) }
      // A place that is given but wrong must not become "everywhere".
      guard (server == nil) == (request.query("server") == nil),
        (unit == nil) == (request.query("unit") == nil),
        let word = request.query("kind"),
        let kind = FieldFault.kind(word: word, milliseconds: milliseconds, code: code)
      else { return nil }
      return FieldFault(kind, server: server, unit: unit)
    }
  }
}
