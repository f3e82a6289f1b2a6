// `gatewayctl help` and `--version`.
internal import GatewayControl
internal import GatewayCore

extension Invocation {
  func runHelp() -> Int32 {
    printOut(
      """
      gatewayctl [--socket PATH] VERB [--json]

        status          the state of everything
                        exits 0 OK, 1 WARNING,
                        2 CRITICAL, 3 no answer
        alarms          what is raised, since when;
                        exits 0 none, 1 some
        sensors         each point's last reading
        watch [POINT…]  new readings until Ctrl-C;
                        a device's name stands for
                        its points
        bus NAME        how busy a bus is, what goes
                        wrong on it, how fast its
                        devices answer
        scan BUS        the units that answer
          --from, --to  only these, else 1 to 247
        read BUS UNIT "input 40"
                        registers or bits of a
                        device; 30041 is the same
          --type        what they are, e.g. float32
          --order       else each is shown, the
                        likeliest first
          --count       how many
        gpio CHIP       its lines, who holds them,
                        what is read there
        store           how full the store is and
                        will be, who lacks which
                        rows, how the flash wears
        export FILE     the undelivered rows, for
                        a stick: gzip, one batch
                        a line
          --destination what this one lacks, else
                        what any lacks
          --mark-delivered
                        once the file is complete
          --force       replace a file
        provision DESTINATION
                        make a SensorThings server
                        ready: what is missing is
                        created, never twice
        quarantine      the rows that a platform
                        refuses, and why
          show, retry, drop SEQ… or all
          --destination only what this one refuses
        preview DESTINATION [POINT…]
                        what it would be sent, in
                        its format; sends nothing
        check FILE      the mistakes in a
                        configuration
        reload          read the configuration again
        flush           send now what waits
        help            this text

      --socket PATH     the daemon's socket, else
                        \(ControlInterface.defaultPath)
      --json            for programs
      --version         the version

      """)
    return ExitCode.ok
  }

  func printVersion() -> Int32 {
    printOut("gatewayctl \(GatewayVersion.text)\n")
    return ExitCode.ok
  }
}
