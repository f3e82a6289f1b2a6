internal import GatewayDaemon
internal import Glibc

@main struct Program {
  static func main() { exit(Daemon.run(Array(CommandLine.arguments.dropFirst()))) }
}
