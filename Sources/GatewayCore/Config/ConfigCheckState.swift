/// What one commit, and one catalogue, have room for.
extension ConfigCheck {
  /// So many descriptions fit one catalogue, whatever their names.
  private static let mostPoints = 10_000
  /// A commit's own limit is 1.4 MB, and rows go with the state.
  private static let mostStateBytes = 1_000_000

  func checkCount(of devices: [DeviceConfig], _ nodes: [ConfigNode]) {
    let all = devices.reduce(0) { $0 + $1.points.count }
    guard let node = place(of: devices, nodes, beyond: Self.mostPoints, { _ in 1 }) else { return }
    log.add(node, "there are \(all) points; \(Self.mostPoints) are possible, up to this device")
  }

  /// What the points know between two rows is written with each commit, and has to fit it.
  func checkState(of devices: [DeviceConfig], _ nodes: [ConfigNode]) {
    let all = devices.reduce(0) { $0 + $1.points.reduce(0) { $0 + $1.stateBytes } }
    guard let node = place(of: devices, nodes, beyond: Self.mostStateBytes, \.stateBytes) else { return }
    log.add(
      node,
      "the open windows and counters would take \(all) bytes on the disk; \(Self.mostStateBytes) are possible, up to"
        + " this device; take a longer \"slide\", or fewer points with sliding windows, percentiles, counters and other"
        + " functions than mean, min, max, last, count, sum, stddev, range and good")
  }

  /// The device with which the sum exceeds `most`.
  private func place(
    of devices: [DeviceConfig], _ nodes: [ConfigNode], beyond most: Int, _ cost: (PointConfig) -> Int
  ) -> ConfigNode? {
    var sum = 0
    for (device, node) in zip(devices, nodes) {
      sum += device.points.reduce(0) { $0 + cost($1) }
      if sum > most { return node }
    }
    return nil
  }
}

extension PointConfig {
  /// What `PipelineStateEncoder` writes about the point, at most.
  var stateBytes: Int {
    let counter = treatment.counter == nil ? 0 : 75
    guard !treatment.staysInMemory else { return counter }
    // The spike test holds a reading until the next.
    return counter + (treatment.tests.spike == nil ? 0 : 40) + panes * paneBytes
  }

  private var panes: Int {
    switch window {
    case .raw: 0
    case .tumbling: 1
    // Those of the window, and the one that begins.
    case .sliding(let seconds, let slide): Int(seconds / Swift.max(slide, 1)) + 1
    }
  }

  private var paneBytes: Int {
    let extras = WindowFunctions.extras.subtracting(.percentiles).subtracting(.good)
    return 95 + (functions.isDisjoint(with: extras) ? 0 : 300)
      + (functions.isDisjoint(with: .percentiles) ? 0 : 600)
  }
}
