package import GatewayCore

/// The platform's books.
package struct PlatformStats: Equatable, Sendable {
  package struct Stream: Equatable, Sendable {
    package var stream: String
    package var gateway: String
    /// The lowest and the highest number that came.
    package var first: UInt64
    package var last: UInt64
    package var unique: UInt64
    /// Numbers between the two that never came.
    package var holes: UInt64
  }

  /// Everything that was posted, faults included.
  package var requests: UInt64 = 0
  /// Batches taken in, again or for the first time.
  package var batches: UInt64 = 0
  /// Their bytes after unpacking.
  package var bytes: UInt64 = 0
  package var rows: UInt64 = 0
  package var unique: UInt64 = 0
  package var duplicates: UInt64 = 0
  package var holes: UInt64 = 0
  /// Points that came under the series and the time of another and took its place.
  package var overwritten: UInt64 = 0
  /// Posts that were no valid batch: always a bug of the sender.
  package var rejected: UInt64 = 0
  package var lastRejection: String?
  /// Requests that a fault struck.
  package var faults: UInt64 = 0
  package var streams: [Stream] = []
  /// The subject of the last client certificate.
  package var lastClient: String?

  package init() {}

  package var json: JSONValue {
    .object([
      "requests": .count(requests), "batches": .count(batches), "bytes": .count(bytes),
      "rows": .count(rows), "unique": .count(unique), "duplicates": .count(duplicates),
      "holes": .count(holes), "overwritten": .count(overwritten), "rejected": .count(rejected),
      "faults": .count(faults),
      "lastClient": lastClient.map { .string($0) } ?? .null,
      "lastRejection": lastRejection.map { .string($0) } ?? .null,
      "lastSeq": .object(Dictionary(uniqueKeysWithValues: streams.map { ($0.stream, .count($0.last)) })),
      "streams": .array(
        streams.map { stream in
          .object([
            "stream": .string(stream.stream), "gateway": .string(stream.gateway),
            "first": .count(stream.first),
            "last": .count(stream.last), "unique": .count(stream.unique),
            "holes": .count(stream.holes),
          ])
        }),
    ])
  }
}
