internal import GatewayControl
internal import GatewayCore

/// What the control socket may ask of the gateway.
final class Commands: ControlDelegate {
  private let gateway: Gateway

  init(gateway: Gateway) { self.gateway = gateway }

  func status() -> StatusSnapshot { gateway.status }
  func lastValues() -> [StatusSnapshot.Point] { gateway.liveValues }
  func reload() -> [String] { gateway.reload() }
  func flush() -> UInt64 { gateway.flush() }
}
