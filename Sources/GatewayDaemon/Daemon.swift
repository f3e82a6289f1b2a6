internal import CSystem
internal import GatewayCore
internal import GatewaySystem
internal import GatewayYAML
internal import Glibc

/// `gatewayd` from the command line to the exit code.
package enum Daemon {
  package static func run(_ arguments: [String]) -> Int32 {
    reserveStandardDescriptors()
    var options = DaemonOptions()
    do throws(DaemonOptions.UsageError) {
      try options.parse(arguments)
    } catch {
      printError("gatewayd: \(error.sentence)\n\(DaemonOptions.usage)")
      return ExitCode.usage
    }
    if options.showsHelp {
      printOut(DaemonOptions.usage)
      return ExitCode.success
    }
    if options.showsVersion {
      printOut("gatewayd \(GatewayVersion.text)\n")
      return ExitCode.success
    }
    switch options.checksOnly ? options.loadConfiguration() : options.loadToStart() {
    case .failure(let failure):
      printError("\(failure)\n")
      return ExitCode.configuration
    case .success(let loaded) where options.checksOnly:
      printOut("\(options.configPath): ok: \(loaded.config.summary)\n")
      return ExitCode.success
    case .success(let loaded):
      if let remark = loaded.remark { JournalLog.line(.warning, remark) }
      return serve(options, loaded)
    }
  }

  /// Whoever started us with closed standard streams must not find log lines in the files that we open next.
  private static func reserveStandardDescriptors() {
    while true {
      let number = open("/dev/null", O_RDWR)
      if number > 2 { close(number) }
      if number > 2 || number < 0 { return }
    }
  }

  private static func serve(_ options: DaemonOptions, _ loaded: LoadedConfig) -> Int32 {
    let config = loaded.config
    // Secrets will lie in memory.
    _ = gateway_hide_memory()
    Heap.stayCompact()
    raiseDescriptorLimit()
    // What reading the configuration took is not needed again; the same after the start.
    Heap.trim()
    do {
      let signals = try Signals()
      let service = ServiceManager()
      let gateway = try Gateway(options: options, config: config, remark: loaded.remark)
      if loaded.remark == nil { LastGoodConfig.keep(loaded.bytes, in: options.stateDirectory) }
      gateway.listen()
      Heap.trim()
      service.ready(config.summary)
      JournalLog.line(.notice, "\(GatewayVersion.text) started: \(config.summary)")
      supervise(gateway, signals, service)
      service.stopping()
      signals.restoreTermination()
      gateway.stop()
      return ExitCode.success
    } catch let failure as StartFailure {
      JournalLog.line(.error, "\(failure)")
      return failure.exitCode
    } catch {
      JournalLog.line(.error, "\(error)")
      return ExitCode.osError
    }
  }

  /// Until SIGTERM: feeds the watchdog while every worker lives, and reloads on SIGHUP.
  private static func supervise(_ gateway: Gateway, _ signals: Signals, _ service: ServiceManager) {
    let interval = min(service.watchdogInterval ?? .seconds(5), .seconds(5))
    var nextPing = SystemClock.boot
    while true {
      if SystemClock.boot >= nextPing {
        nextPing = SystemClock.boot.advanced(by: interval)
        gateway.refreshClock()
        feed(service, gateway)
      }
      switch signals.wait(timeout: .seconds(1)) {
      case .terminate: return
      case .reload:
        service.reloading()
        _ = gateway.reload()
        service.ready("reloaded")
      case nil: gateway.refreshClock()
      }
    }
  }

  private static func feed(_ service: ServiceManager, _ gateway: Gateway) {
    let silent = gateway.heartbeats.filter { $0.age > $0.patience }
    for worker in silent {
      JournalLog.write(
        .error, kind: "watchdog", "\(worker.name) has not moved for \(Int(worker.age.seconds)) s")
    }
    if silent.isEmpty { service.watchdog() }
  }
}
