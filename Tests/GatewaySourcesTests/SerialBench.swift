import GatewayCore
import GatewaySources
import GatewaySystem
import Synchronization

/// A serial source without its thread: each tick is the test's.
final class SerialBench {
  let meter: BusMeter
  let deviceMeters: [DeviceMeter]
  let source: any Source
  private let room: UnsafeMutableBufferPointer<Reading>

  init(_ path: String, _ devices: [DeviceConfig], timeout: Duration = .seconds(5)) throws {
    let bus = BusConfig(name: "mast", link: .serial(SerialLine(device: path, baud: 4800)), timeout: timeout)
    let setup = setup(bus, devices)
    (meter, deviceMeters) = (setup.meter, setup.deviceMeters)
    source = try setup.makeSource()
    room = .allocate(capacity: source.largestPoll)
  }

  deinit { room.deallocate() }

  /// The first request looks after the port, the others after the points.
  @discardableResult
  func poll(_ request: Int, after: Duration = .zero) -> [Reading] {
    let poll = source.poll(request, at: SystemClock.boot.advanced(by: after), into: room)
    return Array(room[..<poll.count])
  }

  /// What comes within a long time, until there are `count` readings.
  func receive(_ count: Int) throws -> [Reading] {
    var readings: [Reading] = []
    let signal = try EventSignal()
    waitUntil {
      guard let descriptor = source.descriptor else { return true }
      if signal.wait(timeout: .milliseconds(20), or: descriptor).descriptor {
        let poll = source.receive(into: room)
        readings += room[..<poll.count]
      }
      return readings.count >= count
    }
    return readings
  }

  var requests: UInt64 { meter.requests.load(ordering: .relaxed) }

  func errors(_ kind: BusErrorKind) -> UInt64 { meter.errorCounts.first { $0.kind == kind }?.count ?? 0 }
}

func fieldPoint(_ name: String, _ field: FrameField, every: Duration = .seconds(1)) -> PointConfig {
  PointConfig(name: name, place: .field(field), every: every)
}

/// The contract's wind vane: direction and speed.
func wind(every: Duration = .seconds(1)) -> DeviceConfig {
  func field(_ number: Int) -> FrameField {
    FrameField(place: .text(.index(number)), selector: Array("WIMWV".utf8))
  }
  return DeviceConfig(
    name: "wind", bus: "mast", frame: FrameConfig(shape: .nmea(needsChecksum: true)),
    points: [
      fieldPoint("direction", field(1), every: every), fieldPoint("speed", field(3), every: every),
    ])
}

func sentence(_ body: String) -> String {
  let sum = String(body.utf8.reduce(0) { $0 ^ $1 }, radix: 16, uppercase: true)
  return "$\(body)*\(sum.count == 1 ? "0" : "")\(sum)\r\n"
}

/// A device that answers `T?` and `H?` with a line each.
func hygrometer(_ name: String = "air", every: Duration = .seconds(1)) -> DeviceConfig {
  func field(_ request: String, _ prefix: String = "") -> FrameField {
    FrameField(
      place: .text(.index(1)), selector: Array(prefix.utf8), request: Array("\(request)\r".utf8))
  }
  return DeviceConfig(
    name: name, bus: "mast", frame: FrameConfig(shape: .lines(delimiter: [0x0A])),
    points: [
      fieldPoint("temperature", field("T?"), every: every), fieldPoint("humidity", field("H?"), every: every),
    ])
}
