package import GatewayCore
package import GatewaySystem
internal import Synchronization

/// Asks one destination's platform one thing after the other, with the destination's credentials. Waits for each
/// answer; belongs to one thread, save `cancel`.
package final class PlatformClient: Sendable {
  /// Why there is no answer that can be used: half a sentence.
  package struct Trouble: Error, Equatable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
  }

  private let destination: DestinationConfig
  private let files: SecretFiles
  private let wake: EventSignal
  private let isCancelled = Atomic<Bool>(false)

  package init(_ destination: DestinationConfig, files: SecretFiles) throws(SystemError) {
    self.destination = destination
    self.files = files
    wake = try EventSignal()
  }

  /// From any thread; what is under way ends, and nothing more is asked.
  package func cancel() {
    isCancelled.store(true, ordering: .releasing)
    wake.raise()
  }

  package func get(_ path: String) throws(Trouble) -> JSONValue {
    var head = RequestHead(path: path)
    head.isQuestion = true
    let answer = try exchange(head, [])
    guard answer.status == 200, answer.isWhole, let json = try? JSONValue(parsing: answer.body) else {
      throw Trouble("\(destination.url)\(path) answers \(Self.words(answer))")
    }
    return json
  }

  package func post(_ document: JSONValue, to path: String) throws(Trouble) {
    var head = RequestHead(path: path)
    head.isRepeatable = false
    var buffer = ByteBuffer(capacity: 1024)
    JSONWriter.append(document, to: &buffer)
    let answer = try exchange(head, buffer.copyBytes())
    guard answer.status == 201 else {
      throw Trouble("POST \(destination.url)\(path) is answered by \(Self.words(answer))")
    }
  }

  private static func words(_ answer: DeliveryAnswer) -> String {
    "status \(answer.status): \(DeliveryPolicy.printable(answer.body, limit: 200))"
  }

  private func exchange(_ head: RequestHead, _ body: [UInt8]) throws(Trouble) -> DeliveryAnswer {
    // Its own each time: a connection that was idle meanwhile would make a request fail that is sent only once.
    let transport = CurlTransport(destination, files: files, wake: wake)
    let outcome = body.withUnsafeBytes { bytes in
      transport.begin(bytes, head: head)
      while !isCancelled.load(ordering: .acquiring) {
        if let outcome = transport.turn(timeout: .seconds(1)) { return outcome }
      }
      transport.cancel()
      return DeliveryOutcome.failure(.busy, cause: "cancelled")
    }
    switch outcome {
    case .answer(let answer): return answer
    case .failure(_, let cause): throw Trouble("cannot reach \(destination.url): \(cause)")
    case .needless, .found: throw Trouble("nothing was sent")
    }
  }
}
