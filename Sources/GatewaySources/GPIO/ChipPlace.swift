internal import GatewaySystem
internal import Glibc

/// Where a chip sits: the device that carries it, as /sys names it, and its label there. Unlike the number in
/// /dev/gpiochip0 it stays when the chip is unplugged and comes back, and it is another one's never. (Linux 6.1
/// does not give the number of a chip back that went while its lines were held.)
struct ChipPlace: Equatable, Sendable {
  private static let directory = "/sys/bus/gpio/devices"

  /// A path below /sys/devices: platform, bus and port.
  var device: String
  /// Tells the banks of one device apart.
  var label: String

  /// `name` is the chip's own: gpiochip0. nil where /sys does not know it.
  init?(name: String, label: String) {
    guard let device = Self.device(of: name) else { return nil }
    (self.device, self.label) = (device, label)
  }

  /// The paths of the chips that the device has now, whatever their labels.
  var candidates: [String] {
    guard let directory = opendir(Self.directory) else { return [] }
    defer { closedir(directory) }
    var paths: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if Self.device(of: name) == device { paths.append("/dev/\(name)") }
    }
    return paths.sorted()
  }

  private static func device(of name: String) -> String? {
    guard name.hasPrefix("gpiochip"), let path = resolvedPath("\(directory)/\(name)") else { return nil }
    return path.lastIndex(of: "/").map { String(path[..<$0]) }
  }
}

/// The path without symbolic links; nil where nothing is there.
func resolvedPath(_ path: String) -> String? {
  guard let resolved = realpath(path, nil) else { return nil }
  defer { free(resolved) }
  return String(cString: resolved)
}
