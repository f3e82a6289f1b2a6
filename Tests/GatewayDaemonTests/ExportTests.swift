import GatewayControl
import GatewayCore
import GatewayGzip
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// `gatewayctl export` with the real programs and real files.
@Suite(.serialized) struct ExportTests {
  /// A cabinet whose platform does not answer, with `rows` rows at least.
  private func cabinetWithDeadModem(rows: UInt64 = 200, destination: String = "") throws -> Cabinet {
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig(every: "20ms", destination: destination)
    try cabinet.platform.goDown()
    try cabinet.startAndWait()
    try cabinet.wait("rows") { cabinet.count("stored") ?? 0 >= rows }
    return cabinet
  }

  private func file(of cabinet: Cabinet, _ name: String = "export.gz") -> String {
    "\(cabinet.directory)/\(name)"
  }

  private func names(in directory: String) -> Set<String> {
    var names: Set<String> = []
    guard let stream = opendir(directory) else { return names }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      names.insert(
        withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        })
    }
    return names
  }

  @Test func whatADeadModemKeptIsCarriedOutAndTheRestArrivesLater() throws {
    let cabinet = try cabinetWithDeadModem()
    let path = file(of: cabinet)
    let result = try cabinet.control(["export", path, "--mark-delivered"])
    #expect(result.code == 0, "\(result.output)")
    #expect(result.output.contains("synchronised, read back and found complete"), "\(result.output)")
    #expect(result.output.contains(" rows marked as delivered"), "\(result.output)")
    let export = try ExportedFile(path)
    #expect(export.rows.keys.sorted() == Array(1...UInt64(export.rows.count)))
    #expect(export.rows.count >= 200)
    let delivered = try #require(cabinet.count("delivered"))
    #expect(delivered == UInt64(export.rows.count))
    #expect(!names(in: cabinet.directory).contains("export.gz.partial"))
    // The modem is back: what came since arrives, and nothing twice. A batch that was built before is sent
    // whole.
    try cabinet.platform.comeUp()
    try cabinet.wait("the queue to be empty") {
      cabinet.platform.stats.unique > 0 && cabinet.count("queued") == 0
    }
    let stream = try #require(cabinet.platform.stats.streams.first)
    #expect(stream.stream == export.stream)
    #expect(stream.first <= delivered + 1)
    #expect(stream.holes == 0)
    #expect(try cabinet.stop() == 0)
  }

  @Test func eachRowIsByteForByteWhatThePlatformGets() throws {
    let cabinet = try cabinetWithDeadModem()
    let path = file(of: cabinet)
    #expect(try cabinet.control(["export", path]).code == 0)
    let export = try ExportedFile(path)
    // Nothing was marked.
    #expect(cabinet.count("delivered") == 0)
    try cabinet.platform.comeUp()
    try cabinet.wait("all rows at the platform") {
      cabinet.platform.rows(of: export.stream).count >= export.rows.count
    }
    let rows = Dictionary(
      uniqueKeysWithValues: cabinet.platform.rows(of: export.stream).map { ($0.seq, $0.text) })
    for (seq, text) in export.rows { #expect(rows[seq] == text) }
    #expect(try cabinet.stop() == 0)
  }

  @Test func oneDestinationsBacklogIsNotAnothers() throws {
    let cabinet = try Cabinet()
    let url = cabinet.platform.url
    try cabinet.writeUsualConfig(
      destination: "}\n  - {name: dead, url: \"http://127.0.0.1:1/\", retry: {initial: 100ms, max: 200ms}")
    try cabinet.startAndWait()
    try cabinet.wait("rows at \(url)") { cabinet.platform.stats.unique >= 100 }
    let wrong = try cabinet.control(["export", file(of: cabinet), "--destination", "daed"])
    #expect(wrong.code == 64)
    #expect(wrong.output == "gatewayctl: no destination is called \"daed\", did you mean \"dead\"?\n")
    let path = file(of: cabinet)
    let json = try JSONValue(
      parsing: try cabinet.control(["export", path, "--destination", "dead", "--mark-delivered", "--json"])
        .output)
    let rows = try #require(json["rows"]?.unsignedInteger)
    #expect(rows >= 100)
    #expect(json["marked"]?.unsignedInteger == rows)
    #expect(json["file"]?.string == path)
    #expect(UInt64(try ExportedFile(path).rows.count) == rows)
    let dead = try #require(cabinet.status()?["destinations"]?.array?.first { $0["name"]?.string == "dead" })
    #expect(dead["delivered"]?.unsignedInteger == rows)
    // Without a name: what any lacks, which is what the dead one lacks since.
    try cabinet.wait("another backlog") { cabinet.count("queued") ?? 0 > 20 }
    let all = file(of: cabinet, "all.gz")
    #expect(try cabinet.control(["export", all]).code == 0)
    let rest = try ExportedFile(all).rows.keys
    #expect(rest.contains(rows + 1) && !rest.contains(rows - 20))
    #expect(try cabinet.stop() == 0)
  }

  @Test func withoutADestinationAllRowsAreCarriedOut() throws {
    let cabinet = try Cabinet()
    try cabinet.write(
      config: """
        gateway: {id: lonely}
        store: {capacity: 16MiB, commit: 100ms}
        buses: [{name: lan, type: modbus-tcp, address: "\(cabinet.field.addresses[0])"}]
        devices:
          - {name: d, bus: lan, unit: 1, points: [{name: p, at: holding 1, type: int16, every: 50ms, window: raw}]}
        """)
    try cabinet.startAndWait()
    try cabinet.wait("rows") { cabinet.count("stored") ?? 0 >= 20 }
    #expect(try cabinet.control(["export", file(of: cabinet), "--mark-delivered"]).code == 0)
    let rows = try ExportedFile(file(of: cabinet)).rows
    #expect(rows.keys.min() == 1)
    #expect(cabinet.count("delivered") == UInt64(rows.count))
    #expect(try cabinet.stop() == 0)
  }

  @Test func aFileThatIsThereIsNotOverwrittenUnlessTold() throws {
    let cabinet = try cabinetWithDeadModem()
    let path = file(of: cabinet)
    #expect(try cabinet.control(["export", path]).code == 0)
    let before = try readFile(path)
    let again = try cabinet.control(["export", path, "--mark-delivered"])
    #expect(again.code == 73)
    #expect(
      again.output == "gatewayctl: cannot write \"\(path)\": it is there already; --force replaces it\n")
    #expect(try readFile(path) == before)
    #expect(cabinet.count("delivered") == 0)
    #expect(try cabinet.control(["export", path, "--force"]).code == 0)
    #expect(try ExportedFile(path).rows.count >= 200)
    #expect(try cabinet.control(["export", "/dev/null", "--force"]).code == 73)
    #expect(try cabinet.stop() == 0)
  }

  @Test func aStickThatCannotTakeTheFileKeepsNoPartOfItAndNothingIsMarked() throws {
    let cabinet = try cabinetWithDeadModem(rows: 3000)
    let missing = try cabinet.control(["export", "\(cabinet.directory)/no/export.gz", "--mark-delivered"])
    #expect(missing.code == 73)
    #expect(
      missing.output
        == "gatewayctl: cannot write \"\(cabinet.directory)/no/export.gz\": No such file or directory\n")
    // A file system that has room for a part; only root may mount one.
    let stick = "\(cabinet.directory)/stick"
    try makeDirectory(stick)
    if mount("tmpfs", stick, "tmpfs", 0, "size=16k") == 0 {
      defer { umount2(stick, 2) }
      let full = try cabinet.control(["export", "\(stick)/export.gz", "--mark-delivered"])
      #expect(full.code == 74, "\(full.output)")
      #expect(
        full.output == "gatewayctl: cannot write \"\(stick)/export.gz\": No space left on device\n")
      #expect(names(in: stick) == [".", ".."])
      // MS_REMOUNT | MS_RDONLY
      #expect(mount("tmpfs", stick, "tmpfs", 32 | 1, "size=16k") == 0)
      let readOnly = try cabinet.control(["export", "\(stick)/export.gz", "--mark-delivered"])
      #expect(readOnly.code == 73)
      #expect(
        readOnly.output == "gatewayctl: cannot write \"\(stick)/export.gz\": Read-only file system\n")
    } else {
      print("skipped: a full and a read-only stick, which only root can mount")
    }
    #expect(cabinet.count("delivered") == 0)
    #expect(try cabinet.stop() == 0)
  }

  /// `gatewayctl export` on a stick that lies, fails or hangs, which a library plays that stands before libc.
  private func export(
    _ cabinet: Cabinet, _ path: String, stick: String
  ) throws -> ChildProcess {
    let library = "\(cabinet.directory)/stick.so"
    if access(library, F_OK) != 0 {
      let source = "\(cabinet.directory)/stick.c"
      let file = try FileDescriptor.open(source, O_CREAT | O_WRONLY)
      _ = Array(badStick.utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
      let build = "for c in cc clang gcc; do $c -shared -fPIC -o \(library) \(source) && exit 0; done; exit 1"
      let compiler = try ChildProcess("/bin/sh", ["-c", build], mergesErrors: true)
      let output = compiler.readAll(timeout: .seconds(60))
      #expect(compiler.wait().status == 0, "\(output)")
    }
    return try ChildProcess(
      try Cabinet.program("gatewayctl"),
      ["--socket", cabinet.socketPath, "export", path, "--mark-delivered"],
      environment: ["LD_PRELOAD": library, "STICK": stick], mergesErrors: true)
  }

  @Test func aStickThatLiesOrFailsIsNotTrusted() throws {
    let cabinet = try cabinetWithDeadModem()
    let path = file(of: cabinet)
    for (stick, cause) in [
      ("lies", "use \"\(path)\": what the medium gives back is not what was written to it; take another"),
      ("forgets", "use \"\(path)\": what the medium gives back is not what was written to it; take another"),
      ("fails", "synchronise \"\(path)\": Input/output error"),
    ] {
      let process = try export(cabinet, path, stick: stick)
      #expect(process.readAll(timeout: .seconds(60)) == "gatewayctl: cannot \(cause)\n")
      #expect(process.wait().status == 74)
      #expect(!names(in: cabinet.directory).contains { $0.hasPrefix("export") }, "\(stick)")
      #expect(cabinet.count("delivered") == 0)
    }
    let process = try export(cabinet, path, stick: "works")
    #expect(process.wait().status == 0)
    #expect(cabinet.count("delivered") ?? 0 > 0)
    #expect(try cabinet.stop() == 0)
  }

  @Test(arguments: [SIGINT, SIGTERM]) func whoGivesUpLeavesNoDraft(signal: Int32) throws {
    let cabinet = try cabinetWithDeadModem()
    let path = file(of: cabinet)
    let process = try export(cabinet, path, stick: "hangs")
    try cabinet.wait("the stick to hang") { access("\(path).hangs", F_OK) == 0 }
    #expect(access("\(path).partial", F_OK) == 0)
    process.kill(signal)
    #expect(process.wait().status == 128 + signal)
    #expect(access("\(path).partial", F_OK) != 0)
    #expect(access(path, F_OK) != 0)
    #expect(cabinet.count("delivered") == 0)
    #expect(try cabinet.stop() == 0)
  }

  @Test func nothingIsMarkedThatIsNotInAWholeFileWheneverTheExportIsKilled() throws {
    let seed = UInt64.random(in: .min ... .max)
    var dice = SplitMix(seed: seed)
    let cabinet = try cabinetWithDeadModem(rows: 2000)
    var carried: Set<UInt64> = []
    var kills = 0
    for number in 0..<25 {
      let path = file(of: cabinet, "\(number).gz")
      let process = try ChildProcess(
        try Cabinet.program("gatewayctl"),
        ["--socket", cabinet.socketPath, "export", path, "--mark-delivered"], mergesErrors: true)
      usleep(UInt32.random(in: 0...120_000, using: &dice))
      process.kill(SIGKILL)
      if process.wait().status == -SIGKILL { kills += 1 }
      if access(path, F_OK) == 0 { carried.formUnion(try ExportedFile(path).rows.keys) }
      // The daemon may be about to settle what it was asked to.
      let delivered = try #require(cabinet.count("delivered"), "seed \(seed)")
      #expect(delivered <= UInt64(carried.count), "seed \(seed)")
    }
    #expect(kills > 0)
    // The same once more in peace: a draft that was left is in nobody's way.
    let path = file(of: cabinet, "24.gz")
    try cabinet.wait("the last export to be forgotten") {
      try cabinet.control(["export", path, "--mark-delivered", "--force"]).code == 0
    }
    carried.formUnion(try ExportedFile(path).rows.keys)
    #expect(carried.sorted() == Array(1...UInt64(carried.count)), "seed \(seed)")
    #expect(cabinet.count("delivered") == UInt64(carried.count), "seed \(seed)")
    #expect(try cabinet.stop() == 0)
  }

  @Test func aDaemonThatIsKilledMeanwhileLosesNothingAndMarksNothing() throws {
    let cabinet = try cabinetWithDeadModem(rows: 2000)
    for number in 0..<5 {
      let path = file(of: cabinet, "\(number).gz")
      let process = try ChildProcess(
        try Cabinet.program("gatewayctl"),
        ["--socket", cabinet.socketPath, "export", path], mergesErrors: true)
      usleep(UInt32(number) * 15_000)
      cabinet.killHard()
      let output = process.readAll(timeout: .seconds(20))
      let code = process.wait().status
      if code == 0 {
        #expect(try ExportedFile(path).rows.keys.min() == 1)
      } else {
        #expect(code == 3, "\(output)")
        #expect(!names(in: cabinet.directory).contains { $0.hasPrefix("\(number).gz") })
      }
      try cabinet.startAndWait()
    }
    #expect(cabinet.count("delivered") == 0)
    try cabinet.platform.comeUp()
    try cabinet.expectBooksToBalance()
    #expect(try cabinet.stop() == 0)
  }

  @Test func whatWasCarriedOutIsMarkedAfterARestartTooButUnderItsOwnStreamOnly() throws {
    let cabinet = try cabinetWithDeadModem()
    let path = file(of: cabinet)
    #expect(try cabinet.control(["export", path]).code == 0)
    let export = try ExportedFile(path)
    cabinet.killHard()
    try cabinet.startAndWait()
    func mark(_ stream: String) throws -> JSONValue {
      var client = try VarlinkClient(path: cabinet.socketPath, timeout: .seconds(60))
      let run = JSONValue.object([
        "stream": .string(stream), "first": .signed(1), "last": .signed(Int64(export.rows.count)),
      ])
      return try client.call(
        VarlinkCall(
          method: "org.citygateway.MarkDelivered",
          parameters: .object(["destination": .string("platform"), "runs": .array([run])]))
      ).parameters
    }
    let other = try mark("0123456789abcdef")
    #expect(other["marked"] == .signed(0))
    #expect(other["refused"] == .signed(Int64(export.rows.count)))
    #expect(cabinet.count("delivered") == 0)
    #expect(try mark(export.stream)["marked"] == .signed(Int64(export.rows.count)))
    #expect(cabinet.count("delivered") == UInt64(export.rows.count))
    #expect(try cabinet.stop() == 0)
    // What was settled stays so.
    try cabinet.startAndWait()
    #expect(cabinet.count("delivered") == UInt64(export.rows.count))
    #expect(try cabinet.stop() == 0)
  }

  @Test func aClientThatDoesNotReadHoldsNobodyUp() throws {
    let cabinet = try cabinetWithDeadModem(rows: 5000)
    let client = try FileDescriptor.connect(unixSocket: cabinet.socketPath)
    let call = Array("{\"method\":\"org.citygateway.Export\",\"more\":true}\0".utf8)
    _ = call.withUnsafeBytes { client.send($0) }
    // It has one, and so nobody else gets another.
    try cabinet.wait("the export to begin") {
      try cabinet.control(["export", self.file(of: cabinet)]).code == 75
    }
    try cabinet.platform.comeUp()
    try cabinet.wait("the queue to be empty") { cabinet.count("queued") == 0 }
    for _ in 0..<20 { #expect(cabinet.status() != nil) }
    #expect(try cabinet.stop() == 0)
  }

  @Test func nothingUndeliveredIsNoFile() throws {
    let cabinet = try Cabinet()
    try cabinet.writeUsualConfig(every: "1h")
    try cabinet.startAndWait()
    try cabinet.wait("the queue to be empty") {
      cabinet.count("stored") ?? 0 > 0 && cabinet.count("queued") == 0
    }
    let result = try cabinet.control(["export", file(of: cabinet)])
    #expect(result.output == "no row is undelivered; nothing was written\n")
    #expect(result.code == 0)
    #expect(!names(in: cabinet.directory).contains { $0.hasPrefix("export") })
    #expect(try cabinet.stop() == 0)
  }
}

/// What `STICK` says happens to a file whose name ends with `.partial`: reads give a byte that was not
/// written, or end early; fsync fails, or tells that it was called and never returns.
private let badStick = """
  #define _GNU_SOURCE
  #include <dlfcn.h>
  #include <errno.h>
  #include <fcntl.h>
  #include <stdio.h>
  #include <stdlib.h>
  #include <string.h>
  #include <unistd.h>

  static int is_draft(int descriptor, char *path, const char *what) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, 4000);
    if (length < 8) return 0;
    path[length] = 0;
    return strcmp(path + length - 8, ".partial") == 0 && strcmp(getenv("STICK"), what) == 0;
  }

  ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
    char path[4096];
    ssize_t (*next)(int, void *, size_t, off_t) = dlsym(RTLD_NEXT, "pread");
    ssize_t result = next(descriptor, bytes, count, offset);
    if (result > 100 && is_draft(descriptor, path, "lies")) ((char *)bytes)[result / 2] ^= 16;
    if (result > 0 && is_draft(descriptor, path, "forgets")) return offset == 0 && result > 1 ? result - 1 : 0;
    return result;
  }

  int fsync(int descriptor) {
    char path[4096];
    if (is_draft(descriptor, path, "fails")) { errno = EIO; return -1; }
    if (is_draft(descriptor, path, "hangs")) {
      strcpy(path + strlen(path) - 8, ".hangs");
      close(open(path, O_CREAT | O_WRONLY, 0600));
      while (1) pause();
    }
    int (*next)(int) = dlsym(RTLD_NEXT, "fsync");
    return next(descriptor);
  }

  """

/// An export as a stranger reads it: gzip, a batch a line.
struct ExportedFile {
  struct Wrong: Error { var message: String }

  private(set) var stream = ""
  /// The text of each row by its number.
  private(set) var rows: [UInt64: String] = [:]

  init(_ path: String) throws {
    var decoder = GzipDecoder()
    var text = ByteBuffer()
    let isIntact = try readFile(path, limit: 64 << 20).withUnsafeBytes { decoder.append($0, to: &text) }
    guard isIntact, decoder.isAtEnd else { throw Wrong(message: "\(path) is no whole gzip") }
    let bytes = text.copyBytes()
    guard bytes.last == UInt8(ascii: "\n") else { throw Wrong(message: "\(path) does not end with a line") }
    for line in bytes.split(separator: UInt8(ascii: "\n")) { try add(Array(line)) }
  }

  private mutating func add(_ line: [UInt8]) throws {
    let batch = try JSONValue(parsing: line)
    let text = String(decoding: line, as: UTF8.self)
    guard let readings = batch["readings"]?.array, let first = batch["first"]?.unsignedInteger,
      let last = batch["last"]?.unsignedInteger, let stream = batch["stream"]?.string,
      text.hasPrefix("{\"gateway\":\""), UInt64(readings.count) == last - first + 1,
      self.stream.isEmpty || self.stream == stream
    else { throw Wrong(message: "no batch: \(text.prefix(200))") }
    self.stream = stream
    // Readings hold no braces but their own.
    let texts = text.split(separator: "\"readings\":[")[1].split(separator: "}").prefix(readings.count)
    for (reading, text) in zip(readings, texts) {
      guard let seq = reading["seq"]?.unsignedInteger, rows[seq] == nil else {
        throw Wrong(message: "a row stands twice or has no number")
      }
      rows[seq] = text.drop { $0 == "," } + "}"
    }
  }
}
