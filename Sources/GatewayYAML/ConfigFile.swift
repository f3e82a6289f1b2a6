package import GatewayCore
package import GatewaySystem

/// From a file's name to a configuration that can be run. Beside it only the profiles that it names are opened.
package enum ConfigFile {
  package enum Failure: Error, CustomStringConvertible, Sendable {
    /// The file could not be read at all.
    case unreadable(SystemError)
    case wrong(ConfigProblems)

    /// What a program prints: one line, or one for each problem as `file:line:column: sentence`.
    package var description: String {
      switch self {
      case .unreadable(let error): error.description
      case .wrong(let problems): problems.description
      }
    }
  }

  package static func load(path: String) throws(Failure) -> GatewayConfig {
    try loadWithBytes(path: path).config
  }

  /// The same, with the bytes that the configuration was read from.
  package static func loadWithBytes(
    path: String
  ) throws(Failure) -> (config: GatewayConfig, bytes: [UInt8]) {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try readFile(path, limit: YAMLReader.maximumBytes)
    } catch { throw .unreadable(error) }
    do throws(ConfigProblems) {
      return (try check(bytes, file: path, profiles: ProfileStore(beside: path)), bytes)
    } catch { throw .wrong(error) }
  }

  /// `file` is only repeated in the problems.
  package static func check(
    _ bytes: [UInt8], file: String, profiles: ProfileStore = ProfileStore(places: [])
  ) throws(ConfigProblems) -> GatewayConfig {
    let root: ConfigNode
    do throws(ConfigProblem) { root = try YAMLReader.read(bytes) } catch {
      throw ConfigProblems(file: file, [error])
    }
    return try ConfigCheck.check(root, file: file, profiles: profiles.profiles(for: root))
  }
}
