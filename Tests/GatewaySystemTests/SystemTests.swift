import GatewayCore
import GatewaySystem
import Glibc
import Synchronization
import Testing

@Suite struct SystemTests {
  @Test func aSignalRaisedBeforeTheWaitEndsItAtOnce() throws {
    let signal = try EventSignal()
    signal.raise()
    signal.raise()
    #expect(signal.wait(timeout: .seconds(60)))
    #expect(!signal.wait(timeout: .milliseconds(1)))
  }

  @Test func aThreadRunsUnderItsNameAndIsJoined() throws {
    let name = Mutex("")
    let thread = try WorkerThread(name: "a-name-of-more-than-15-bytes") {
      let text = (try? readFile("/proc/thread-self/comm")) ?? []
      name.withLock { $0 = String(decoding: text.dropLast(), as: UTF8.self) }
    }
    thread.join()
    #expect(name.withLock { $0 } == "a-name-of-more-")
  }

  @Test func theBootHasAnIdAndItsTimeDoesNotGoBack() throws {
    #expect(SystemClock.bootID != nil)
    var last = SystemClock.boot
    for _ in 0..<10_000 {
      let now = SystemClock.boot
      #expect(last <= now)
      last = now
    }
  }

  @Test func bootIdsAreReadFromTheKernelsTextAndNothingElse() {
    #expect(
      BootID(text: "00000000-0000-0001-0000-00000000000a") == BootID(high: 1, low: 10))
    for text in ["", "0", "00000000-0000-0001-0000-00000000000", "00000000-0000-0001-0000-00000000000g"] {
      #expect(BootID(text: text) == nil)
    }
  }

  @Test func aFileLongerThanItsLimitIsRefusedAndASymbolicLinkIsNotFollowed() throws {
    var template = Array("/tmp/gateway-system-XXXXXX".utf8CString)
    #expect(mkdtemp(&template) != nil)
    let directory = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    defer {
      unlink(directory + "/file")
      unlink(directory + "/link")
      rmdir(directory)
    }
    let file = try FileDescriptor.open(directory + "/file", O_CREAT | O_RDWR)
    let bytes = [UInt8](repeating: 65, count: 100)
    if case .failure(let error) = bytes.withUnsafeBytes({ file.writeAll($0, at: 0) }) { throw error }
    #expect(try readFile(directory + "/file") == bytes)
    #expect(throws: SystemError.self) { try readFile(directory + "/file", limit: 99) }
    symlink("file", directory + "/link")
    #expect(throws: SystemError.self) { _ = try FileDescriptor.open(directory + "/link", O_RDONLY).number }
  }

  @Test func readinessAndWatchdogReachTheNotifySocket() throws {
    var ends: [Int32] = [0, 0]
    var template = Array("/tmp/gateway-notify-XXXXXX".utf8CString)
    #expect(mkdtemp(&template) != nil)
    let directory = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    let path = directory + "/notify"
    ends[0] = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    let receiver = FileDescriptor(owning: ends[0])
    defer {
      unlink(path)
      rmdir(directory)
    }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(receiver.number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(bound == 0)
    setenv("NOTIFY_SOCKET", path, 1)
    setenv("WATCHDOG_USEC", "30000000", 1)
    defer { unsetenv("WATCHDOG_USEC") }
    let service = ServiceManager()
    #expect(service.watchdogInterval == .seconds(15))
    service.ready("all is well")
    service.watchdog()
    var room = [UInt8](repeating: 0, count: 256)
    for expected in ["READY=1\nSTATUS=all is well", "WATCHDOG=1"] {
      let count = try room.withUnsafeMutableBytes { receiver.read(into: $0) }.get()
      #expect(String(decoding: room[..<count], as: UTF8.self) == expected)
    }
  }
}
