// The methods that look at the store and carry rows out of it by hand.
package import GatewayCore

/// A native batch as it goes into the file, and what it holds.
package struct ExportedBatch: Equatable, Sendable {
  package var stream: StreamID
  package var rows: ClosedRange<UInt64>
  /// The batch's JSON, without a line's end.
  package var text: String

  package init(stream: StreamID, rows: ClosedRange<UInt64>, text: String) {
    self.stream = stream
    self.rows = rows
    self.text = text
  }
}

/// Rows of one stream.
package struct ExportedRun: Equatable, Sendable {
  package var stream: StreamID
  package var rows: ClosedRange<UInt64>

  package init(stream: StreamID, rows: ClosedRange<UInt64>) {
    self.stream = stream
    self.rows = rows
  }
}

package struct MarkResult: Equatable, Sendable {
  package var marked: UInt64 = 0
  /// Rows that are not stored under this stream.
  package var refused: UInt64 = 0
  /// Why they are marked in memory only; nil when the medium has it.
  package var trouble: String?

  package init() {}
}

/// The batches of an export, as they are read.
package protocol ExportedBatches: AnyObject, Sendable {
  /// The next one; nil when there is none yet.
  func take() -> ExportedBatch?
  /// Rows that the medium could not give back; nil until every batch was taken.
  var lostRows: UInt64? { get }
  func cancel()
}

package protocol MarkedRows: AnyObject, Sendable {
  /// nil until all is done.
  var result: MarkResult? { get }
  func cancel()
}

/// How what was asked for by a destination's name begins.
package enum CarryAnswer<Work> {
  case begun(Work)
  case unknown(known: [String])
  /// Another one goes on, or there is no thread for it.
  case busy(String)

  package func map<Other>(_ transform: (Work) -> Other) -> CarryAnswer<Other> {
    switch self {
    case .begun(let work): .begun(transform(work))
    case .unknown(let known): .unknown(known: known)
    case .busy(let cause): .busy(cause)
    }
  }
}

extension ControlService {
  func export(_ call: VarlinkCall) -> Answer {
    guard call.takesMore else { return .serviceError("ExpectedMore", [:]) }
    guard let destination = destination(call) else { return .invalid("destination") }
    return begin(delegate.export(of: destination.name), destination.name, ExportReplies.init)
  }

  func markDelivered(_ call: VarlinkCall) -> Answer {
    guard let destination = destination(call) else { return .invalid("destination") }
    guard let given = call.parameters["runs"]?.array,
      case let runs = given.compactMap(ExportedRun.init(json:)),
      runs.count == given.count
    else { return .invalid("runs") }
    return begin(delegate.markDelivered(runs, at: destination.name), destination.name, MarkReplies.init)
  }

  /// nil for what is no name.
  private func destination(_ call: VarlinkCall) -> (name: String?, Void)? {
    switch call.parameters["destination"] {
    case nil, .null: (nil, ())
    case .some(let given): given.string.map { ($0, ()) }
    }
  }

  func begin<Work>(
    _ answer: CarryAnswer<Work>, _ destination: String?, _ replies: (Work) -> any PendingReplies
  ) -> Answer {
    switch answer {
    case .begun(let work): return .replies(replies(work))
    case .busy(let cause): return .error("ExportOccupied", ["cause": .string(cause)])
    case .unknown(let known):
      return .error(
        "UnknownDestination",
        ["destination": .string(destination ?? ""), "known": .array(known.map(JSONValue.string))])
    }
  }
}

extension ExportedRun {
  package var json: JSONValue {
    .object([
      "stream": .string("\(stream)"), "first": ControlMessage.count(rows.lowerBound),
      "last": ControlMessage.count(rows.upperBound),
    ])
  }

  /// nil for what names no rows.
  package init?(json: JSONValue) {
    guard let text = json["stream"]?.string, text.utf8.count == 16, let bits = UInt64(text, radix: 16),
      let first = json["first"]?.unsignedInteger, let last = json["last"]?.unsignedInteger, first >= 1,
      first <= last, last < .max
    else { return nil }
    self.init(stream: StreamID(bits: bits), rows: first...last)
  }
}

/// `Export`: one reply for each batch, and a last one.
final class ExportReplies: PendingReplies {
  /// A thousand rows each time: a USB stick is slower.
  let interval = Duration.milliseconds(5)
  /// A stick that writes what it has taken so far.
  let patience: Duration? = .seconds(300)
  private(set) var isFinished = false
  private let batches: any ExportedBatches

  init(_ batches: any ExportedBatches) { self.batches = batches }

  func next(at now: BootTime) -> [UInt8]? {
    if let batch = batches.take() {
      var buffer = ByteBuffer(capacity: batch.text.utf8.count * 5 / 4)
      Self.append(batch, to: &buffer)
      return buffer.copyBytes()
    }
    guard let lost = batches.lostRows else { return nil }
    isFinished = true
    return ControlMessage.reply(.object(["lost": ControlMessage.count(lost)]))
  }

  private static func append(_ batch: ExportedBatch, to buffer: inout ByteBuffer) {
    buffer.append("{\"continues\":true,\"parameters\":")
    var object = ObjectWriter(&buffer)
    object.member("batch", batch.text, to: &buffer)
    object.member("stream", "\(batch.stream)", to: &buffer)
    object.member("first", batch.rows.lowerBound, to: &buffer)
    object.member("last", batch.rows.upperBound, to: &buffer)
    object.end(&buffer)
    buffer.append("}\0")
  }

  func cancel() { batches.cancel() }
}

/// `MarkDelivered`: one reply when all rows were looked at.
final class MarkReplies: PendingReplies {
  let interval = Duration.milliseconds(20)
  private(set) var isFinished = false
  private let rows: any MarkedRows

  init(_ rows: any MarkedRows) { self.rows = rows }

  func next(at now: BootTime) -> [UInt8]? {
    guard let result = rows.result else { return nil }
    isFinished = true
    if let trouble = result.trouble {
      return ControlMessage.error("\(ControlInterface.name).MarkFailed", ["cause": .string(trouble)])
    }
    return ControlMessage.reply(
      .object([
        "marked": ControlMessage.count(result.marked), "refused": ControlMessage.count(result.refused),
      ]))
  }

  func cancel() { rows.cancel() }
}
