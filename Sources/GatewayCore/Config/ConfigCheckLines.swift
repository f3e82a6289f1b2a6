/// The kernel gives each line of a chip to one holder only: two points on one line would keep each other out.
extension ConfigCheck {
  /// `nodes` are those that the devices were made from.
  func reportSharedLines(_ devices: [DeviceConfig], _ nodes: [ConfigNode]) {
    struct Line: Hashable {
      var bus: String
      var offset: UInt32
    }
    var holders: [Line: String] = [:]
    for (device, node) in zip(devices, nodes) {
      for point in device.points {
        guard let offset = point.line?.offset, let place = node.element("points", named: point.name) else {
          continue
        }
        let line = Line(bus: device.bus, offset: offset)
        // What could not be read has its own problem, and 0 for a line.
        guard let number = place.value("line"), number.content == .scalar("\(offset)", isPlain: true) else {
          continue
        }
        if let holder = holders[line] {
          log.add(number, "line \(offset) is read by point \(quoted(holder)) already; a line has one reader")
        } else {
          holders[line] = "\(device.name).\(point.name)"
        }
      }
    }
  }
}

extension ConfigNode {
  /// What stands behind a key of this mapping.
  fileprivate func value(_ key: String) -> ConfigNode? {
    guard case .mapping(let pairs) = content else { return nil }
    return pairs.first { $0.key.content == .scalar(key, isPlain: true) }?.value
  }

  /// The mapping of that name in the list behind a key.
  fileprivate func element(_ key: String, named name: String) -> ConfigNode? {
    guard case .sequence(let elements) = value(key)?.content else { return nil }
    return elements.first { element in
      guard case .scalar(let text, _) = element.value("name")?.content else { return false }
      return text == name
    }
  }
}
