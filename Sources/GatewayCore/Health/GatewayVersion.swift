/// The version that every program prints and `status` reports.
package enum GatewayVersion {
  package static let text = "0.1.0"
}
