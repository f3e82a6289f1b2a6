/// The version that every program prints and `status` reports.
package enum GatewayVersion {
  package static let text = "0.1.0"
  /// No clock that is right shows an earlier time: 2026-01-01.
  package static let epoch = Timestamp(microseconds: 1_767_225_600_000_000)
}
