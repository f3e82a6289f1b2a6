internal import GatewayCore

/// What is done on one serial line, and which points each frame may feed. Pure: made once from the checked
/// configuration.
struct SerialPlan {
  struct Device {
    let name: String
    let frame: FrameConfig
    /// A place in `decoders`.
    let decoder: Int
    /// Places in `points`.
    let points: Range<Int>
  }

  struct Point {
    let index: PointIndex
    /// A place in `devices`.
    let device: Int
    let field: FrameField
    let every: Duration
  }

  /// Devices whose frames begin and end alike are decoded together.
  struct Decoder {
    let shape: FrameShape
    /// Places in `points`: whoever may find a value in such a frame.
    var points: [Int]
  }

  /// One request and the points that its answer feeds.
  struct Ask {
    let device: Int
    let bytes: [UInt8]
    /// What comes back where the line repeats what is sent on it.
    let echo: [UInt8]
    var points: [Int]
  }

  enum Work {
    /// Looks after the port.
    case upkeep
    /// Looks whether these points of one device were silent for too long.
    case watch(device: Int, points: [Int])
    case ask(Ask)
  }

  /// A port that went is looked for this often.
  static let upkeepPeriod = Duration.seconds(1)

  private(set) var devices: [Device] = []
  private(set) var points: [Point] = []
  private(set) var decoders: [Decoder] = []
  private(set) var works: [(work: Work, period: Duration)] = [(.upkeep, upkeepPeriod)]

  init(bus: String, of config: GatewayConfig) {
    var firstPoint: PointIndex = 0
    for device in config.devices {
      if device.bus == bus, let frame = device.frame { add(device, frame, firstPoint) }
      firstPoint += PointIndex(device.points.count)
    }
  }

  private mutating func add(_ device: DeviceConfig, _ frame: FrameConfig, _ firstPoint: PointIndex) {
    let first = points.count
    for (place, point) in device.points.enumerated() {
      guard let field = point.field else { continue }
      points.append(
        Point(
          index: firstPoint + PointIndex(place), device: devices.count, field: field, every: point.every))
    }
    let places = first..<points.count
    let decoder = decoders.firstIndex { $0.shape == frame.shape } ?? decoders.count
    if decoder == decoders.count { decoders.append(Decoder(shape: frame.shape, points: [])) }
    decoders[decoder].points += places
    for place in places { addWork(for: place, device: devices.count) }
    devices.append(Device(name: device.name, frame: frame, decoder: decoder, points: places))
  }

  private mutating func addWork(for place: Int, device: Int) {
    let (point, first) = (points[place], points[place].field.request)
    for index in works.indices where works[index].period == point.every {
      switch works[index].work {
      case .ask(var ask) where ask.device == device && ask.bytes == first:
        ask.points.append(place)
        works[index].work = .ask(ask)
        return
      case .watch(device, var places) where first.isEmpty:
        places.append(place)
        works[index].work = .watch(device: device, points: places)
        return
      default: continue
      }
    }
    works.append((Self.work(first, place, device), point.every))
  }

  private static func work(_ request: [UInt8], _ place: Int, _ device: Int) -> Work {
    guard !request.isEmpty else { return .watch(device: device, points: [place]) }
    let isLineEnd: (UInt8) -> Bool = { $0 == 0x0D || $0 == 0x0A }
    let echo = request.drop(while: isLineEnd).reversed().drop(while: isLineEnd).reversed()
    return .ask(Ask(device: device, bytes: request, echo: Array(echo), points: [place]))
  }

  /// Whether the devices are asked; else they talk by themselves.
  var asks: Bool { points.contains { !$0.field.request.isEmpty } }

  /// Readings that one frame makes at most.
  var mostPerFrame: Int { decoders.map(\.points.count).max() ?? 0 }

  /// Readings that one look or one answer makes at most.
  var mostPerWork: Int {
    works.map { work, _ in
      switch work {
      case .upkeep: 0
      case .watch(_, let points): points.count
      case .ask(let ask): ask.points.count
      }
    }.max() ?? 0
  }
}
