// `Preview`: what a destination would be sent.
internal import GatewayCore

/// A request as it would be sent, without its secrets and not compressed.
package struct PreviewedRequest: Equatable, Sendable {
  /// `POST https://…`
  package var line: String
  package var headers: [String]
  package var body: String

  package init(line: String, headers: [String], body: String) {
    self.line = line
    self.headers = headers
    self.body = body
  }
}

package struct Preview: Equatable, Sendable {
  package enum Source: String, Sendable {
    /// The oldest rows that the destination lacks.
    case pending
    /// It lacks none: the newest rows that are stored.
    case stored
    /// None is stored: what the points say now.
    case present
    /// And they have said nothing yet.
    case nothing
  }

  package var source: Source
  package var requests: [PreviewedRequest]

  package init(source: Source, requests: [PreviewedRequest]) {
    self.source = source
    self.requests = requests
  }
}

/// A preview under way.
package protocol PreviewedRows: AnyObject, Sendable {
  /// nil until it is there.
  var preview: Preview? { get }
  func cancel()
}

extension ControlService {
  func preview(_ call: VarlinkCall) -> Answer {
    guard let destination = call.parameters["destination"]?.string else { return .invalid("destination") }
    return withPoints(call) { points in
      begin(delegate.preview(of: destination, points: points), destination, PreviewReplies.init)
    }
  }
}

/// One reply when the preview is there.
final class PreviewReplies: PendingReplies {
  let interval = Duration.milliseconds(20)
  private(set) var isFinished = false
  private let rows: any PreviewedRows

  init(_ rows: any PreviewedRows) { self.rows = rows }

  func next(at now: BootTime) -> [UInt8]? {
    guard let preview = rows.preview else { return nil }
    isFinished = true
    let requests = preview.requests.map { request in
      JSONValue.object([
        "line": .string(request.line), "headers": .array(request.headers.map(JSONValue.string)),
        "body": .string(request.body),
      ])
    }
    return ControlMessage.reply(
      .object(["source": .string(preview.source.rawValue), "requests": .array(requests)]))
  }

  func cancel() { rows.cancel() }
}
