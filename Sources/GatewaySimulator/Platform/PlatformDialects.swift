internal import GatewayCore

/// What is posted where: the native batch unless the path says otherwise.
enum PlatformDialect {
  case native
  /// InfluxDB's line protocol; how many nanoseconds a unit of its timestamps has.
  case lines(unit: Int64)
  /// ThingsBoard's HTTP device API, for the device of this token.
  case telemetry(token: String)

  init(_ request: HTTPRequest) throws(BatchIntake.Refusal) {
    let units: [String: Int64]
    switch request.path {
    case "/write":
      units = ["n": 1, "u": 1000, "ms": 1_000_000, "s": 1_000_000_000]
      guard request.query("db")?.isEmpty == false else { throw .status(400, "database is required") }
    case "/api/v2/write":
      units = ["ns": 1, "us": 1000, "ms": 1_000_000, "s": 1_000_000_000]
      guard request.query("org") != nil, request.query("bucket") != nil else {
        throw .status(400, "org and bucket are required")
      }
    default:
      let parts = request.path.split(separator: "/", omittingEmptySubsequences: false)
      let isTelemetry = parts.count == 5 && parts[1] == "api" && parts[2] == "v1" && parts[4] == "telemetry"
      self = isTelemetry ? .telemetry(token: String(parts[3])) : .native
      return
    }
    guard let unit = units[request.query("precision") ?? ""] else { throw .status(400, "invalid precision") }
    self = .lines(unit: unit)
  }
}

/// A point that came, and what it is called by.
struct SeriesPoint {
  var stream: String
  var gateway: String
  /// nil where the platform numbers what comes.
  var seq: UInt64?
  /// The series and the time.
  var name: String
  var content: String
  /// Of each field, where types matter.
  var types: [String: String] = [:]
}

extension BatchIntake {
  /// The lines that can be read, and what is wrong with the first other one.
  func lines(
    of request: HTTPRequest, unit: Int64
  ) throws(Refusal) -> (points: [SeriesPoint], problem: String?, size: Int) {
    let body = try plainBody(of: request)
    var points: [SeriesPoint] = []
    var problem: String?
    for text in body.split(separator: 0x0A) {
      do throws(LineScanner.Problem) {
        points.append(Self.point(try LineScanner.line(text), unit))
      } catch {
        problem = problem ?? "unable to parse '\(String(decoding: text, as: UTF8.self))': \(error.text)"
      }
    }
    return (points, problem, body.count)
  }

  private static func point(_ line: ProtocolLine, _ unit: Int64) -> SeriesPoint {
    let tags = line.tags.sorted { $0.key < $1.key }.map { ",\($0.key)=\($0.value)" }.joined()
    let fields = line.fields.sorted { $0.key < $1.key }
    var point = SeriesPoint(
      stream: "", gateway: line.tags["gateway"] ?? "",
      name: "\(line.measurement)\(tags) \(line.time &* unit)",
      content: fields.map { "\($0.key)=\($0.value)" }.joined(separator: ","))
    if case .string(let stream) = line.fields["stream"] { point.stream = stream }
    if case .integer(let seq) = line.fields["seq"] { point.seq = UInt64(exactly: seq) }
    for (key, field) in fields { point.types["\(line.measurement) \(key)"] = field.type }
    return point
  }

  /// An entry of the array is a point.
  func telemetry(
    of request: HTTPRequest, token: String
  ) throws(Refusal) -> (points: [SeriesPoint], size: Int) {
    let type = request.header("Content-Type") ?? ""
    guard type.hasPrefix("application/json") else { throw .status(415, "telemetry is application/json") }
    let body = try plainBody(of: request)
    guard let entries = (try? JSONValue(parsing: body))?.array, !entries.isEmpty else {
      throw .status(400, "not an array of telemetry")
    }
    var points: [SeriesPoint] = []
    for entry in entries {
      guard let time = entry["ts"]?.integer, case .object(let values) = entry["values"], !values.isEmpty
      else {
        throw .status(400, "an entry without ts and values")
      }
      let keys = values.sorted { $0.key < $1.key }
      points.append(
        SeriesPoint(
          stream: token, gateway: "", name: "\(token) \(time) \(keys.map(\.key).joined(separator: ","))",
          content: keys.map { "\($0.key)=\($0.value)" }.joined(separator: ",")))
    }
    return (points, body.count)
  }
}
