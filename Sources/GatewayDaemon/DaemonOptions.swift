internal import GatewayCore
package import GatewayYAML
internal import Glibc

/// The command line of `gatewayd`.
package struct DaemonOptions: Equatable, Sendable {
  package var configPath = "/etc/gateway/gateway.yaml"
  package var stateDirectory: String
  package var socketPath: String
  /// Where relative names of secrets are looked for first; nil outside systemd.
  package var credentialsDirectory: String?
  /// Where sysfs is mounted.
  package var sysfs: String
  package var checksOnly = false
  package var showsVersion = false
  package var showsHelp = false

  /// A command line that cannot be understood.
  package struct UsageError: Error, Equatable { package var sentence: String }

  package static let usage = """
    usage: gatewayd [--config FILE] [--state DIR] [--socket PATH] [--check]
      --config FILE  the configuration (default /etc/gateway/gateway.yaml)
      --state DIR    where the store lives (default $STATE_DIRECTORY or /var/lib/gateway)
      --socket PATH  the control socket (default $RUNTIME_DIRECTORY/control.sock or /run/gateway/control.sock)
      --check        say what is wrong with the configuration, and do nothing else
      --version, --help

    """

  package init(environment: (String) -> String? = Self.environmentValue) {
    stateDirectory = environment("STATE_DIRECTORY") ?? "/var/lib/gateway"
    socketPath = (environment("RUNTIME_DIRECTORY") ?? "/run/gateway") + "/control.sock"
    credentialsDirectory = environment("CREDENTIALS_DIRECTORY")
    sysfs = environment("GATEWAY_SYSFS") ?? "/sys"
  }

  package mutating func parse(_ arguments: [String]) throws(UsageError) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--config": configPath = try Self.value(of: argument, &rest)
      case "--state": stateDirectory = try Self.value(of: argument, &rest)
      case "--socket": socketPath = try Self.value(of: argument, &rest)
      case "--check": checksOnly = true
      case "--version": showsVersion = true
      case "--help", "-h": showsHelp = true
      default: throw UsageError(sentence: "\"\(argument)\" is not an option of gatewayd")
      }
    }
  }

  private static func value(
    of option: String, _ rest: inout ArraySlice<String>
  ) throws(UsageError) -> String {
    guard let value = rest.popFirst(), !value.isEmpty else {
      throw UsageError(sentence: "\(option) needs a value")
    }
    return value
  }

  /// Where relative names in the configuration are looked for.
  package var configDirectory: String {
    guard let slash = configPath.lastIndex(of: "/") else { return "." }
    return slash == configPath.startIndex ? "/" : String(configPath[..<slash])
  }

  package func loadConfiguration() -> Result<LoadedConfig, ConfigFile.Failure> {
    do throws(ConfigFile.Failure) {
      let (config, bytes) = try ConfigFile.loadWithBytes(path: configPath)
      return .success(LoadedConfig(config: config, bytes: bytes))
    } catch {
      return .failure(error)
    }
  }

  package static func environmentValue(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }
}
