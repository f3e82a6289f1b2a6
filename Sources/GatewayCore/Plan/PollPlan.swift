/// What a bus is asked, how often, and which points each answer feeds. Pure: made once from the checked
/// configuration, the same for the same configuration.

/// One point within the answer to a request.
package struct PollItem: Equatable, BitwiseCopyable, Sendable {
  package var point: PointIndex
  /// Registers (bits, in the bit tables) from the request's first.
  package var offset: UInt16
  package var layout: RegisterLayout

  package init(point: PointIndex, offset: UInt16, layout: RegisterLayout) {
    self.point = point
    self.offset = offset
    self.layout = layout
  }
}

/// One read of one table of one device.
package struct PollRequest: Equatable, Sendable {
  /// A place in `PollPlan.devices`.
  package var device: Int
  package var unit: UInt8
  package var table: RegisterTable
  /// Zero-based protocol address.
  package var address: UInt16
  /// Registers or bits: 1 … `table.requestLimit`.
  package var count: UInt16
  package var period: Duration
  /// By which its parts are merged again should the device refuse it whole.
  package var terms: RequestMerger.Terms
  /// In order of their offsets; each lies whole within `count`.
  package var items: [PollItem]

  package init(
    device: Int, unit: UInt8, table: RegisterTable, address: UInt16, count: UInt16, period: Duration,
    terms: RequestMerger.Terms, items: [PollItem]
  ) {
    self.device = device
    self.unit = unit
    self.table = table
    self.address = address
    self.count = count
    self.period = period
    self.terms = terms
    self.items = items
  }

  /// The addresses of each item.
  package var spans: [RequestMerger.Span] {
    items.map { item in
      RequestMerger.Span(
        first: Int(address) + Int(item.offset), count: table.isBits ? 1 : item.layout.type.registers)
    }
  }
}

extension RequestMerger.Terms {
  package init(device: DeviceConfig, table: RegisterTable, _ timing: BusTiming) {
    let most = table.isBits ? 16 * device.maximumRegisters : device.maximumRegisters
    let unit = table.isBits ? timing.bit : timing.register
    self.init(
      limit: min(most, table.requestLimit),
      worthwhileGap: device.readsGaps ? timing.overhead / max(unit, .nanoseconds(1)) : -1)
  }
}

package struct PollPlan: Equatable, Sendable {
  /// One of the bus's devices; its place in the configuration tells which `DeviceMeter` is its own.
  package struct Device: Equatable, Sendable {
    /// A place in `GatewayConfig.devices`.
    package var index: Int
    package var name: String
    package var unit: UInt8
  }

  package let timing: BusTiming
  /// In the order of the configuration.
  package private(set) var devices: [Device] = []
  /// Those of one device follow each other, in the order of `devices`.
  package private(set) var requests: [PollRequest] = []

  /// The plan of the bus of that name.
  package init(bus: BusConfig, of config: GatewayConfig) {
    timing = BusTiming(bus)
    var firstPoint: PointIndex = 0
    for (index, device) in config.devices.enumerated() {
      if device.bus == bus.name {
        requests += Self.requests(of: device, place: devices.count, firstPoint: firstPoint, timing)
        devices.append(Device(index: index, name: device.name, unit: device.unit))
      }
      firstPoint += PointIndex(device.points.count)
    }
  }

  /// The places of a device's requests.
  package func requestRange(ofDevice device: Int) -> Range<Int> {
    let start = requests.firstIndex { $0.device >= device } ?? requests.endIndex
    let end = requests[start...].firstIndex { $0.device > device } ?? requests.endIndex
    return start..<end
  }

  /// Readings in the largest answer.
  package var largestPoll: Int { requests.map(\.items.count).max() ?? 0 }

  /// Readings that the plan makes in a second when all goes well.
  package var readingsPerSecond: Double {
    requests.reduce(0) { $0 + Double($1.items.count) / $1.period.seconds }
  }

  /// The part of the bus's time that all requests together take when all goes well; beyond 1 they do not fit.
  package var demand: Double {
    requests.reduce(0) { $0 + timing.time($1.table, count: Int($1.count)) / $1.period }
  }

  private struct Group: Hashable {
    var table: RegisterTable
    var period: Duration
  }

  private static func requests(
    of device: DeviceConfig, place: Int, firstPoint: PointIndex, _ timing: BusTiming
  ) -> [PollRequest] {
    var groups: [Group: [Int]] = [:]
    var order: [Group] = []
    for (index, point) in device.points.enumerated() {
      guard let register = point.register else { continue }
      let group = Group(table: register.table, period: point.every)
      if groups[group] == nil { order.append(group) }
      groups[group, default: []].append(index)
    }
    return order.flatMap { group in
      let members = groups[group] ?? []
      let terms = RequestMerger.Terms(device: device, table: group.table, timing)
      let runs = RequestMerger.merge(members.map { span(of: device.points[$0]) }, terms)
      return runs.map { run in
        PollRequest(
          device: place, unit: device.unit, table: group.table, address: UInt16(run.span.first),
          count: UInt16(run.span.end - run.span.first), period: group.period, terms: terms,
          items: run.members.map { member in
            let index = members[member]
            guard let register = device.points[index].register else {
              preconditionFailure("BUG: a point without a register in a plan of registers")
            }
            return PollItem(
              point: firstPoint + PointIndex(index), offset: register.address - UInt16(run.span.first),
              layout: register.layout)
          })
      }
    }
  }

  private static func span(of point: PointConfig) -> RequestMerger.Span {
    guard let register = point.register else {
      preconditionFailure("BUG: a point without a register in a plan of registers")
    }
    let span = RequestMerger.Span(first: Int(register.address), count: register.count)
    precondition(span.end <= 1 << 16, "BUG: point \"\(point.name)\" reaches beyond register 65535")
    return span
  }
}
