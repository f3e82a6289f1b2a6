extension DurableStore {
  /// What a commit with a payload of that many bytes takes on the medium.
  package static func bytesOnMedium(payload bytes: Int) -> Int { RecordHeader.footprint(payload: bytes) }
}
