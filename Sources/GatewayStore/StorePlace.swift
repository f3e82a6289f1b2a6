/// The names that one store has in a state directory, which may hold several.
package struct StorePlace: Equatable, Sendable {
  /// The store's file.
  package var file: String
  /// Locked while the store is open.
  package var lock: String
  /// The rows of it that platforms refuse.
  package var quarantine: String
  /// Bytes of a slot, where the file does not say it yet.
  var slotSize: Int

  /// What is measured.
  package static let rows = StorePlace(
    file: StoreFormat.fileName, lock: "lock", quarantine: QuarantineFile.name, slotSize: StoreFormat.slotSize)

  /// Alarms: apart, so that no row stands before one nor takes its room.
  package static let alarms = StorePlace(
    file: "alarms-v1", lock: "alarms-lock", quarantine: "alarms-quarantine", slotSize: 256 << 10)
}
