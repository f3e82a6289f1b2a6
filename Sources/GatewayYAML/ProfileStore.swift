package import GatewayCore
internal import GatewaySystem
internal import Glibc

/// The directories that hold profiles, and the reading of their files. A name is looked for in one after the
/// other, so that a site's own profile stands in for an installed one; each file is read once per load.
package struct ProfileStore: Sendable {
  /// Where `make install` puts them.
  package static let installed = "/usr/share/gateway/profiles"
  /// A profile of two hundred points is a fourth of it.
  package static let maximumBytes = 64 << 10

  package let places: [String]

  package init(places: [String]) { self.places = places }

  /// `profiles` beside the configuration's file, what `GATEWAY_PROFILES` names, and what is installed.
  package init(beside configuration: String) {
    let directory = configuration.lastIndex(of: "/").map { configuration[...$0] } ?? ""
    let named = getenv("GATEWAY_PROFILES").map { String(cString: $0) } ?? ""
    places = ["\(directory)profiles"] + (named.isEmpty ? [] : [named]) + [Self.installed]
  }

  /// Those that the configuration asks for.
  package func profiles(for root: ConfigNode) -> Profiles {
    var profiles = Profiles(places: places)
    let wanted = Profiles.names(in: root)
    for name in wanted { profiles.entries[name] = entry(name) }
    // What can be suggested is only of interest where something was not found.
    if profiles.entries.count < wanted.count { profiles.names = names() }
    return profiles
  }

  /// nil where no directory has it.
  private func entry(_ name: String) -> Profiles.Entry? {
    precondition(Profiles.isName(name), "BUG: a profile's name that could be a path")
    for place in places {
      let path = "\(place)/\(name).yaml"
      do {
        let bytes = try readFile(path, limit: Self.maximumBytes)
        return Self.parsed(bytes, path)
      } catch {
        if error.code != ENOENT, error.code != ENOTDIR { return .unreadable("\(error)") }
      }
    }
    return nil
  }

  private static func parsed(_ bytes: [UInt8], _ path: String) -> Profiles.Entry {
    do { return .found(try YAMLReader.read(bytes, file: path)) } catch { return .broken(error) }
  }

  /// Every name that some directory has, in order.
  package func names() -> [String] {
    var names: Set<String> = []
    for place in places {
      guard let directory = opendir(place) else { continue }
      defer { closedir(directory) }
      while let entry = readdir(directory) {
        let file = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if file.hasSuffix(".yaml") { names.insert(String(file.dropLast(5))) }
      }
    }
    return names.filter(Profiles.isName).sorted()
  }
}
