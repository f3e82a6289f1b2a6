import Testing

@testable import GatewayCore

private func point(
  _ name: String, _ table: RegisterTable, _ address: UInt16, _ type: RegisterType,
  every: Duration = .seconds(1)
) -> PointConfig {
  PointConfig(name: name, table: table, address: address, layout: RegisterLayout(type: type), every: every)
}

private func config(_ devices: [DeviceConfig]) -> GatewayConfig {
  GatewayConfig(
    id: "cabinet-1",
    buses: ["lan", "other"].map { BusConfig(name: $0, link: .modbusTCP(host: "127.0.0.1", port: 502)) },
    devices: devices, destinations: [])
}

private func plan(_ config: GatewayConfig) -> PollPlan { PollPlan(bus: config.buses[0], of: config) }

@Suite struct PollPlanTests {
  @Test func aHundredDevicesOfTwentyRegistersAreAHundredRequests() {
    let devices = (0..<100).map { device in
      DeviceConfig(
        name: "device-\(device)", bus: "lan", unit: UInt8(device + 1),
        points: (0..<20).map { point("r\($0)", .holding, UInt16($0), .uint16) })
    }
    let plan = plan(config(devices))
    #expect(plan.requests.count == 100)
    #expect(plan.requests.allSatisfy { $0.count == 20 && $0.address == 0 && $0.items.count == 20 })
    #expect(plan.requests.flatMap(\.items).map(\.point) == Array(0..<2000))
    #expect(plan.readingsPerSecond == 2000)
    #expect(plan.largestPoll == 20)
  }

  @Test func pointsKeepTheirPlaceInTheCatalogue() throws {
    let config = config([
      DeviceConfig(name: "a", bus: "other", unit: 1, points: [point("x", .input, 0, .uint16)]),
      DeviceConfig(
        name: "b", bus: "lan", unit: 2,
        points: [
          point("high", .input, 12, .float32), point("low", .input, 10, .uint32),
          point("switch", .coil, 7, .bool),
        ]),
      DeviceConfig(name: "c", bus: "other", unit: 1, points: [point("y", .input, 0, .uint16)]),
      DeviceConfig(name: "d", bus: "lan", unit: 3, points: [point("z", .discrete, 1999, .bool)]),
    ])
    let plan = plan(config)
    #expect(plan.devices == [.init(index: 1, name: "b", unit: 2), .init(index: 3, name: "d", unit: 3)])
    let names = plan.requests.map { request in
      request.items.map { "\(config.catalogue[Int($0.point)].name)+\($0.offset)" }
    }
    #expect(names == [["b.low+0", "b.high+2"], ["b.switch+0"], ["d.z+0"]])
    #expect(plan.requests.map(\.device) == [0, 0, 1])
    #expect(plan.requests.map(\.unit) == [2, 2, 3])
    #expect(plan.requests.map(\.address) == [10, 7, 1999])
    #expect(plan.requests.map(\.count) == [4, 1, 1])
    #expect(plan.requestRange(ofDevice: 0) == 0..<2)
    #expect(plan.requestRange(ofDevice: 1) == 2..<3)
  }

  @Test func tablesAndPeriodsAreNotMixed() {
    let plan = plan(
      config([
        DeviceConfig(
          name: "a", bus: "lan", unit: 1,
          points: [
            point("fast", .input, 0, .uint16, every: .milliseconds(100)), point("slow", .input, 1, .uint16),
            point("held", .holding, 1, .uint16),
            point("fast2", .input, 1, .uint16, every: .milliseconds(100)),
          ])
      ]))
    #expect(plan.requests.map { $0.items.map(\.point) } == [[0, 3], [1], [2]])
    #expect(plan.requests.map(\.period) == [.milliseconds(100), .seconds(1), .seconds(1)])
  }

  @Test func theProtocolsLimitsHold() {
    let registers = (0..<300).map { point("r\($0)", .input, UInt16($0), .uint16) }
    let bits = (0..<4100).map { point("b\($0)", .coil, UInt16($0), .bool) }
    let plan = plan(config([DeviceConfig(name: "a", bus: "lan", unit: 1, points: registers + bits)]))
    #expect(plan.requests.map(\.count) == [125, 125, 50, 2000, 2000, 100])
  }

  @Test func aBusWithoutDevicesHasNoRequests() {
    let plan = plan(config([]))
    #expect(plan.requests.isEmpty && plan.devices.isEmpty && plan.largestPoll == 0)
  }

  @Test func aMergedReadGivesWhatSingleReadsWould() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<200 {
      let image = (0..<600).map { _ in UInt16.random(in: 0...UInt16.max, using: &generator) }
      let device = randomDevice(using: &generator)
      let bus = BusConfig(name: "line", link: .modbusRTU(SerialLine(device: "/dev/ttyS0")))
      let config = GatewayConfig(id: "cabinet-1", buses: [bus], devices: [device], destinations: [])
      let requests = PollPlan(bus: bus, of: config).requests
      #expect(requests.flatMap(\.items).map(\.point).sorted() == Array(0..<PointIndex(device.points.count)))
      for request in requests {
        check(request, of: device, image, "seed \(seed): \(request)")
      }
    }
  }

  private func check(_ request: PollRequest, of device: DeviceConfig, _ image: [UInt16], _ what: String) {
    let most = device.maximumRegisters * (request.table.isBits ? 16 : 1)
    #expect(Int(request.count) <= min(most, request.table.requestLimit), "\(what)")
    let read = Array(image[Int(request.address)..<Int(request.address) + Int(request.count)])
    var asked: Set<Int> = []
    for item in request.items {
      guard let place = device.points[Int(item.point)].register else { continue }
      #expect(place.table == request.table && place.address == request.address + item.offset, "\(what)")
      asked.formUnion(Int(place.address)..<Int(place.address) + place.count)
      let single = decode(place.layout, image, place.address)
      #expect(decode(item.layout, read, item.offset) == single, "\(what)")
    }
    guard !device.readsGaps else { return }
    #expect(asked.count == Int(request.count), "what nobody asked for is read: \(what)")
  }

  private func decode(_ layout: RegisterLayout, _ words: [UInt16], _ place: UInt16) -> Decoded {
    words[Int(place)...].withUnsafeBufferPointer { RegisterDecoder.decode(layout, $0.baseAddress!) }
  }

  private func randomDevice(using generator: inout SplitMix) -> DeviceConfig {
    let points = (0..<Int.random(in: 1...60, using: &generator)).map { number in
      let table: RegisterTable = [.holding, .input, .coil].randomElement(using: &generator)!
      let types = table.isBits ? [.bool] : RegisterType.allCases
      let layout = RegisterLayout(
        type: types.randomElement(using: &generator)!,
        order: ByteOrder(wordsReversed: .random(using: &generator), bytesSwapped: .random(using: &generator)),
        usesHighByte: .random(using: &generator))
      return PointConfig(
        name: "p\(number)", table: table, address: .random(in: 0...500, using: &generator), layout: layout,
        every: .seconds(Int.random(in: 1...2, using: &generator)))
    }
    return DeviceConfig(
      name: "a", bus: "line", maximumRegisters: .random(in: 4...125, using: &generator),
      readsGaps: .random(using: &generator), points: points)
  }
}
