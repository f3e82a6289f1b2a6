import GatewayControl
import GatewayCore
import Glibc
import Synchronization
import Testing

/// The real program against a real socket.
@Suite struct GatewayctlTests {
  /// The tests and the programs are built into one directory.
  private static let program: String = {
    var path = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &path, path.count)
    let words = String(decoding: path[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self).split(
      separator: "/")
    return "/" + words.dropLast().joined(separator: "/") + "/gatewayctl"
  }()

  private func ctl(_ path: String, _ words: String...) -> Outcome {
    run([Self.program, "--socket", path] + words)
  }

  @Test func statusExitsAsMonitoringPluginsDo() throws {
    try withServer { path, cabinet in
      for (state, code) in [(StatusSnapshot.State.ok, 0), (.warning, 1), (.critical, 2)]
        as [(StatusSnapshot.State, Int32)]
      {
        cabinet.state.withLock { $0.snapshot.state = state }
        let text = ctl(path, "status")
        #expect(text.code == code)
        #expect(text.output == StatusText.of(cabinet.status(), .narrow))
        #expect(text.errors == "")
        let json = ctl(path, "status", "--json")
        #expect(
          json
            == Outcome(
              code: code, output: String(decoding: cabinet.status().json, as: UTF8.self) + "\n", errors: ""))
      }
    }
  }

  @Test func noAnswerIsThreeAndSaidOnStandardError() {
    let path = "/nonexistent/control.sock"
    let sentence = "cannot connect to \"/nonexistent/control.sock\": No such file or directory"
    for verb in ["status", "sensors", "watch", "reload", "flush"] {
      #expect(ctl(path, verb) == Outcome(code: 3, output: "", errors: "gatewayctl: \(sentence)\n"))
    }
    let quoted = "cannot connect to \\\"/nonexistent/control.sock\\\": No such file or directory"
    #expect(
      ctl(path, "--json", "status") == Outcome(code: 3, output: "", errors: "{\"error\":\"\(quoted)\"}\n"))
  }

  @Test func sensorsListsThePoints() throws {
    try withServer { path, _ in
      let text = ctl(path, "sensors")
      #expect(text.code == 0)
      #expect(text.output.hasPrefix("canopy\n  temperature 17.3 °C "))
      let json = ctl(path, "sensors", "--json")
      #expect(
        json.output
          == #"{"points":[{"name":"canopy.temperature","value":17.3,"unit":"CEL","#
          + #""time":"2026-11-22T21:00:57.000Z","quality":"good"}]}"# + "\n")
    }
  }

  @Test func watchPrintsReadingsUntilInterrupted() throws {
    try withServer { path, _ in
      for (words, line) in [
        (["canopy"], "21:00:57Z canopy.temperature 17.3 °C\n"),
        (
          ["--json"],
          #"{"point":"canopy.temperature","value":17.3,"unit":"CEL","time":"2026-11-22T21:00:57.000Z","#
            + #""quality":"good"}"# + "\n"
        ),
      ] {
        let scratch = Scratch()
        let process = start([Self.program, "--socket", path, "watch"] + words, scratch)
        for _ in 0..<1000 where read("\(scratch.path)/output").isEmpty { usleep(10_000) }
        kill(process, SIGINT)
        #expect(finish(process, scratch) == Outcome(code: 0, output: line, errors: ""))
      }
      #expect(
        ctl(path, "watch", "canopy.temperatur")
          == Outcome(
            code: 64, output: "",
            errors: "gatewayctl: no point or device is called \"canopy.temperatur\","
              + " did you mean \"canopy.temperature\"?\n"))
    }
  }

  @Test func watchEndsWithTheDaemon() throws {
    let scratch = Scratch()
    let socket = Scratch()
    let server = try VarlinkServer(path: socket.socket, delegate: Cabinet())
    let process = start([Self.program, "--socket", socket.socket, "watch"], scratch)
    for _ in 0..<1000 where read("\(scratch.path)/output").isEmpty { usleep(10_000) }
    server.stop()
    let outcome = finish(process, scratch)
    #expect(outcome.code == 3)
    #expect(
      outcome.errors
        == "gatewayctl: cannot read from \"\(socket.socket)\": the daemon closed the connection\n")
  }

  @Test func reloadNamesTheProblems() throws {
    try withServer { path, cabinet in
      #expect(ctl(path, "reload") == Outcome(code: 0, output: "the new configuration runs\n", errors: ""))
      cabinet.state.withLock { $0.problems = ["gateway.yaml:3:7: no\u{1B}[2J", "gateway.yaml:9:1: neither"] }
      #expect(
        ctl(path, "reload")
          == Outcome(
            code: 78, output: "",
            errors: """
              gateway.yaml:3:7: no[2J
              gateway.yaml:9:1: neither
              gatewayctl: cannot reload the configuration: the running one stays

              """))
    }
  }

  @Test func flushSaysHowMuchWaits() throws {
    try withServer { path, cabinet in
      #expect(ctl(path, "flush").output == "20 rows are queued and tried now\n")
      #expect(ctl(path, "flush", "--json").output == "{\"queued\":20}\n")
      #expect(cabinet.state.withLock { $0.flushes } == 2)
    }
  }

  @Test(arguments: [
    (["staus"], "unknown verb \"staus\", did you mean \"status\"?"), (["xyzzy"], "unknown verb \"xyzzy\""),
    (["status", "--jsn"], "unknown option \"--jsn\", did you mean \"--json\"?"),
    ([], "what should be done? No verb is given"),
    (["status", "more"], "unexpected argument \"more\""), (["check"], "check needs one file"),
    (["--socket"], "--socket needs a path"), (["read", "lan", "7"], Self.readNeeds),
    (["read", "lan", "x", "input 40"], "the unit should be a whole number from 0 to 255, not \"x\""),
    (
      ["read", "lan", "7", "inptu 40"],
      "the register should be a table (coil, discrete, input, holding) and an address from 0 to 65535 such as "
        + "input 40, or a Modicon number such as 30041, not \"inptu 40\", did you mean \"input 40\"?"
    ),
    (
      ["read", "lan", "7", "30041", "--order", "DCAB", "--type=float32"],
      "--order should be ABCD, BADC, CDAB or DCBA, not \"DCAB\", did you mean \"CDAB\"?"
    ),
    (["read", "lan", "7", "30041", "--order", "CDAB"], "--order needs a --type of whole registers"),
    (["read", "lan", "7", "coil", "1", "--type", "int16"], "a coil is one bit; it needs no --type"),
    (["read", "lan", "7", "input", "65535", "--type", "int32"], "there is no input beyond 65535"),
    (
      ["read", "lan", "7", "input", "0", "--type", "int32", "--count", "63"],
      "--count should be a whole number from 1 to 62, not \"63\""
    ),
    (["status", "--from", "3"], "--from is for scan, not for status"),
    (["scan"], "scan needs the name of one bus"), (["gpio"], "gpio needs one chip"),
    (["scan", "lan", "--from", "9", "--to", "8"], "--from 9 is behind --to 8"),
  ])
  func aWrongCommandLineIsSixtyFour(_ words: [String], _ sentence: String) {
    #expect(
      run([Self.program] + words)
        == Outcome(
          code: 64, output: "", errors: "gatewayctl: \(sentence)\ngatewayctl: try 'gatewayctl help'\n"))
  }

  private static let readNeeds = "read needs a bus, a unit and a register such as \"input 40\""

  @Test func readShowsWhatADeviceSays() throws {
    try withServer { path, cabinet in
      cabinet.state.withLock { $0.answering = { _ in .words([0xCCCD, 0x3DCC]) } }
      let typed = ctl(path, "read", "lan", "7", "input 40", "--type", "float32")
      #expect(typed.code == 0)
      #expect(typed.output.contains("\n  CDAB        0.1 likeliest\n"))
      // Without quotes, and in Modicon's form.
      for place in [["input", "40"], ["30041"]] {
        #expect(
          run([Self.program, "--socket", path, "read", "lan", "7"] + place + ["--type=float32"]) == typed)
      }
      let ordered = ctl(path, "read", "lan", "7", "30041", "--type", "f32", "--order", "CDAB", "--json")
      #expect(ordered.code == 64)
      let json = ctl(path, "read", "lan", "7", "30041", "--type", "float32", "--order", "CDAB", "--json")
      #expect(
        json.output
          == #"{"bus":"lan","unit":7,"table":"input","address":40,"words":[52429,15820],"readings":["#
          + #"{"type":"float32","order":"CDAB","values":[0.10000000149011612]}]}"# + "\n")
      let asked = cabinet.state.withLock { $0.questions.map(\.inquiries) }
      #expect(asked == Array(repeating: [.read(unit: 7, table: .input, address: 40, count: 2)], count: 4))
    }
  }

  @Test func readWithoutATypeTriesOneRegisterWhereThereAreNotTwo() throws {
    try withServer { path, cabinet in
      cabinet.state.withLock {
        $0.answering = { if case .read(_, _, _, 1) = $0 { .words([173]) } else { .exception(2) } }
      }
      let open = ctl(path, "read", "lan", "7", "input 40")
      #expect(open.code == 0)
      #expect(open.output.contains("  40 00AD 0000 0000 1010 1101 173\n"))
      let two = ctl(path, "read", "lan", "7", "input 40", "--count", "2")
      let sentence =
        "cannot read input 40 of unit 7 on bus \"lan\": the device answers illegal-address (exception 2)"
      #expect(two == Outcome(code: 69, output: "", errors: "gatewayctl: \(sentence)\n"))
    }
  }

  @Test func readSaysWhyThereIsNothing() throws {
    try withServer { path, cabinet in
      cabinet.state.withLock { $0.answering = { _ in .failed(.timeout, cause: "no answer within 300 ms") } }
      let sentence = "cannot read coil 3 of unit 7 on bus \"lan\": no answer within 300 ms"
      #expect(
        ctl(path, "read", "lan", "7", "coil 3")
          == Outcome(code: 69, output: "", errors: "gatewayctl: \(sentence)\n"))
      #expect(
        ctl(path, "read", "lna", "7", "coil 3")
          == Outcome(
            code: 64, output: "",
            errors: "gatewayctl: no bus is called \"lna\", did you mean \"lan\"?\n"))
      cabinet.state.withLock { $0.mostQuestions = 0 }
      #expect(
        ctl(path, "read", "lan", "7", "coil 3")
          == Outcome(
            code: 75, output: "", errors: "gatewayctl: too many questions wait for bus \"lan\": try again\n"))
    }
  }

  @Test func scanListsTheUnitsThatAnswer() throws {
    try withServer { path, cabinet in
      cabinet.state.withLock {
        $0.devices = [3: "canopy"]
        $0.answering = { inquiry in
          inquiry == .probe(unit: 3)
            ? .identity(["Eastron", "SDM630"]) : .failed(.timeout, cause: "no answer")
        }
      }
      #expect(
        ctl(path, "scan", "lan")
          == Outcome(code: 0, output: "  3  Eastron SDM630 [canopy]\n1 of 247 units answer\n", errors: ""))
      #expect(
        ctl(path, "scan", "lan", "--from", "3", "--to=4", "--json").output
          == #"{"answering":1,"asked":1,"found":{"device":"canopy","garbled":false,"#
          + #""identity":["Eastron","SDM630"],"tables":[],"unit":3},"total":2}"# + "\n"
          + #"{"answering":1,"asked":2,"total":2}"# + "\n")
    }
  }

  @Test func anInterruptedScanEndsOnTheBusToo() throws {
    try withServer { path, cabinet in
      let scratch = Scratch()
      let process = start([Self.program, "--socket", path, "scan", "lan"], scratch)
      func questions() -> [Question] { cabinet.state.withLock { $0.questions } }
      for _ in 0..<1000 where questions().isEmpty { usleep(10_000) }
      kill(process, SIGINT)
      #expect(finish(process, scratch).code == 130)
      for _ in 0..<1000 where !questions().allSatisfy(\.isCancelled) { usleep(10_000) }
      #expect(questions().map(\.isCancelled) == [true])
    }
  }

  @Test func busAndGPIOShowTheirReports() throws {
    try withServer { path, cabinet in
      let report = try #require(cabinet.report(onBus: "lan"))
      #expect(
        ctl(path, "bus", "lan") == Outcome(code: 0, output: BusText.of(report, .narrow), errors: ""))
      #expect(ctl(path, "bus", "lan", "--json").output.hasPrefix("{\"bus\":{\"name\":\"lan\""))
      #expect(
        ctl(path, "gpio", "nowhere")
          == Outcome(
            code: 64, output: "",
            errors: "gatewayctl: no chip is called \"nowhere\"; there are cabinet, /dev/gpiochip0\n"))
      cabinet.state.withLock { $0.chip = .failed("Permission denied") }
      #expect(ctl(path, "gpio", "cabinet").code == 69)
      cabinet.state.withLock { $0.chip = .report(.cabinet) }
      #expect(
        ctl(path, "gpio", "cabinet") == Outcome(code: 0, output: ChipText.of(.cabinet, .narrow), errors: ""))
    }
  }

  @Test func checkNamesEachMistakeAtItsPlace() throws {
    let scratch = Scratch()
    let file = "\(scratch.path)/gateway.yaml"
    func check(_ text: String) -> Outcome {
      let number = creat(file, 0o600)
      _ = text.withCString { write(number, $0, strlen($0)) }
      close(number)
      return run([Self.program, "check", file])
    }
    let good = """
      gateway: {id: cabinet-0417}
      buses: [{name: lan, type: modbus-tcp, address: "192.0.2.10:502"}]
      devices:
        - {name: canopy, bus: lan, unit: 7, points: [{name: fan, at: coil 3}, {name: door, at: discrete 1}]}
      destinations: [{name: platform, url: "https://data.city.example/v1/batches"}]

      """
    let summary = "1 bus, 1 device, 2 points, 1 destination"
    #expect(check(good) == Outcome(code: 0, output: "\(file): ok: \(summary)\n", errors: ""))
    let wrong = check(good + "devicse: []\nstore: {capacity: 3}\n")
    #expect(wrong.code == 78)
    #expect(wrong.output == "")
    let lines = wrong.errors.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines.first?.hasPrefix("\(file):6:1: ") == true)
    #expect(lines.last?.hasPrefix("\(file):7:") == true)
    unlink(file)
    let sentence = "cannot read \"\(file)\": No such file or directory"
    #expect(
      run([Self.program, "check", file]) == Outcome(code: 66, output: "", errors: "gatewayctl: \(sentence)\n")
    )
  }

  @Test func helpAndVersionNeedNoDaemon() {
    #expect(
      run([Self.program, "--version"])
        == Outcome(code: 0, output: "gatewayctl \(GatewayVersion.text)\n", errors: ""))
    let help = run([Self.program, "help"])
    #expect(help.code == 0)
    for verb in [
      "status", "sensors", "watch", "bus", "scan", "read", "gpio", "store", "export", "preview", "check",
      "reload", "flush",
    ] {
      #expect(help.output.contains("  \(verb) "))
    }
    for line in help.output.split(separator: "\n") { #expect(line.count <= 46) }
    #expect(run([Self.program, "--help"]) == help)
  }
}
