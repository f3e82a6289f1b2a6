import Glibc
import Testing

@Suite struct SystemdUnitTests {
  private static let directory: String = {
    let words = #filePath.split(separator: "/").dropLast(3)
    return "/" + words.joined(separator: "/") + "/systemd"
  }()

  private static func find(_ program: String) -> String? {
    let places: [String] = ["/usr/bin/\(program)", "/bin/\(program)"]
    let path = places.first { access($0, X_OK) == 0 }
    if path == nil { print("SKIPPED: \(program) is not installed, the unit was not checked with it") }
    return path
  }

  @Test func theSandboxIsTight() throws {
    guard let program = Self.find("systemd-analyze") else { return }
    let unit = "\(Self.directory)/gatewayd.service"
    // In tenths: at most 2.0.
    let outcome = run([program, "security", "--offline=true", "--threshold=20", "--no-pager", unit])
    #expect(outcome.code == 0, "\(outcome.output.suffix(200))\(outcome.errors)")
    #expect(outcome.output.contains("Overall exposure level for gatewayd.service:"))
  }

  @Test func theUnitIsUnderstood() throws {
    guard let program = Self.find("systemd-analyze") else { return }
    let outcome = run([program, "verify", "--no-pager", "\(Self.directory)/gatewayd.service"])
    // Where the program is not installed its absence is all that may be wrong.
    let complaints = (outcome.output + outcome.errors).split(separator: "\n").filter {
      !$0.contains("Command /usr/bin/gatewayd is not executable")
    }
    #expect(complaints == [])
  }

  @Test func theUnitReachesTheFieldAndTheWatchdog() {
    let lines = read("\(Self.directory)/gatewayd.service").split(separator: "\n").map(String.init)
    for line in [
      "Type=notify", "NotifyAccess=main", "WatchdogSec=30", "Restart=always", "StartLimitIntervalSec=0",
      "User=gateway", "StateDirectory=gateway", "StateDirectoryMode=0700", "RuntimeDirectory=gateway",
      "RuntimeDirectoryMode=0750", "DeviceAllow=char-ttyS rw", "DeviceAllow=char-ttyUSB rw",
      "DeviceAllow=char-ttyACM rw", "DeviceAllow=char-ttyAMA rw", "DeviceAllow=char-gpiochip rw",
      "LimitCORE=0", "CapabilityBoundingSet=", "NoNewPrivileges=yes",
    ] {
      #expect(lines.contains(line))
    }
  }

  @Test func theUserIsMadeWithItsGroups() throws {
    guard let program = Self.find("systemd-sysusers") else { return }
    let outcome = run([program, "--dry-run", "\(Self.directory)/gateway.sysusers"])
    #expect(outcome.code == 0)
    #expect(!outcome.errors.contains("gateway.sysusers:"), "\(outcome.errors)")
  }
}
