package import GatewayCore
internal import GatewaySystem
internal import GatewayYAML
internal import Glibc

/// A configuration that can be run, with the bytes that it was read from.
package struct LoadedConfig: Sendable {
  package var config: GatewayConfig
  var bytes: [UInt8]
  /// Why it is not the file's; nil when it is.
  var remark: String?
}

/// The copy of the configuration that ran last, in the state directory. It is used only when the file is as a
/// power cut leaves one that was being written: empty, or with NUL bytes where its text should be (a file
/// system that gave out blocks which it had not filled). Any other file is what a person wrote, mistakes
/// included, and nothing is guessed then. Only the file itself is copied: profiles are looked for where they
/// always are.
enum LastGoodConfig {
  private static let name = "gateway.yaml.good"

  static func isTorn(_ bytes: [UInt8]) -> Bool { bytes.isEmpty || bytes.contains(0) }

  /// Puts a copy of `bytes` on the medium unless it is there already; without one the next start only lacks
  /// it.
  static func keep(_ bytes: [UInt8], in directory: String) {
    let path = "\(directory)/\(name)"
    if let kept = try? readFile(path, limit: YAMLReader.maximumBytes), kept == bytes { return }
    do throws(SystemError) { try replaceFile(path, by: bytes) } catch {
      JournalLog.line(.warning, "\(error); no copy of this configuration is kept")
    }
  }

  /// The copy, for a start with the torn file `path`; nil when there is none that can be run.
  static func load(insteadOf path: String, from directory: String) -> LoadedConfig? {
    let place = "\(directory)/\(name)"
    guard let bytes = try? readFile(place, limit: YAMLReader.maximumBytes), !isTorn(bytes),
      let config = try? ConfigFile.check(bytes, file: place, profiles: ProfileStore(beside: path))
    else { return nil }
    let remark =
      "configuration \"\(path)\" is empty or has NUL bytes, as a power cut leaves a file that was being written;"
      + " the last good copy runs: write the file again and reload"
    return LoadedConfig(config: config, bytes: bytes, remark: remark)
  }
}

extension DaemonOptions {
  /// What to start with.
  func loadToStart() -> Result<LoadedConfig, ConfigFile.Failure> {
    let loaded = loadConfiguration()
    guard case .failure(.wrong) = loaded,
      let bytes = try? readFile(configPath, limit: YAMLReader.maximumBytes), LastGoodConfig.isTorn(bytes),
      let good = LastGoodConfig.load(insteadOf: configPath, from: stateDirectory)
    else { return loaded }
    return .success(good)
  }
}
