internal import GatewayControl
internal import GatewayCore

/// Puts together what `gatewayctl gpio` shows: the kernel's word on each line, and the gateway's points on them.
enum ChipBoard {
  static func report(on chip: String, _ acquisition: Acquisition) -> ChipAnswer {
    .failed("GPIO chips cannot be looked at")
  }
}
