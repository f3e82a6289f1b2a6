internal import GatewaySimulator
internal import GatewaySystem
internal import Glibc

/// `gateway-sim`: the world outside the cabinet, for developers, demos and tests.
@main struct Program {
  static func main() {
    do throws(UsageError) {
      var words = Words(CommandLine.arguments.dropFirst())
      switch words.next() {
      case "field": try FieldCommand.run(&words)
      case "platform": try PlatformCommand.run(&words)
      case "broker": try BrokerCommand.run(&words)
      case "demo": try DemoCommand.run(&words)
      case "audit": try AuditCommand.run(&words)
      case "--help", "-h", "help": printOut(Self.usage)
      case let other?: throw UsageError("unknown command \"\(other)\"")
      case nil: throw UsageError("a command is missing")
      }
    } catch {
      printError("gateway-sim: \(error.sentence)\n\(Self.usage)")
      exit(64)
    }
  }

  static let usage = """
    usage: gateway-sim field DESCRIPTION.yaml [--control PORT] [--record PERIOD_MS] [--quiet]
           gateway-sim platform [--listen 127.0.0.1:18080] [--record FILE] [--keep ROWS] [--strict] [--quiet]
                                [--tls DIRECTORY [--flaw FLAW] [--client-certificates | --strict-handshake]]
           gateway-sim broker [--listen 127.0.0.1:18080] [--manner standard|orion-ld|scorpio|stellio]
                              [--tenant NAME] [--lost SHARE] [--busy SHARE] [--history STATUS]
           gateway-sim demo [--config Config/demo.yaml] [--field Config/demo-field.yaml]
           gateway-sim audit

    field     plays Modbus devices over TCP, over a serial server and on ptys, and serial devices that talk and
              answer (Config/demo-field.yaml and Config/serial-field.yaml show all keys). Control (with --control):
                POST /fault?kind=KIND&server=0&unit=3&seconds=10&share=0.5&count=2
                  KIND: delay ms=N, late ms=N, silent, exception code=N, garbage, short, close,
                        wrong-transaction, wrong-unit, wrong-function, foreign, corrupt, noise, echo,
                        fragment ms=N, babble, refuse (on a pty: unplug; it comes back as another pty)
                DELETE /fault, GET /stats
    platform  plays the city's HTTP platform. Control, on the same port:
                POST /control/fault?kind=KIND&seconds=60&share=1.0&count=2
                  KIND: status status=503 retry-after=5 type=text/html body=..., delay ms=N, hang,
                        close-before, close-after, slow, huge, truncate, poison first=N last=N,
                        row-limit rows=N
                POST /control/down?seconds=20, DELETE /control/fault, GET /control/stats,
                GET /control/rows?stream=S&from=N&to=N (with --keep)
              With --tls it speaks HTTPS, with certificates made at the start; DIRECTORY gets ca.pem, client.pem and
              client.key. FLAW: none, expired, future, wrong-host, unknown-ca, old-tls. With --client-certificates
              only who shows a certificate is answered, with --strict-handshake there is no handshake without.
    broker    plays an NGSI-LD broker that takes batch upserts and temporal evolutions: loses answers after storing
              (--lost), has no time for an entity (--busy), has no temporal API and answers with this instead
              (--history), and words its answers as the named one does.
    demo      starts both and a gateway, cuts the uplink, kills the gateway, and shows the books.
    audit     opens each store that standard input names (CAPACITY DIRECTORY) and says in a line of JSON what it
              holds. For Tests/PowerCut; opening writes.
    Field, platform and broker print their books as one line of JSON when SIGTERM or SIGINT ends them.

    """
}
