import GatewayCore
import GatewayUplink
import Glibc
import Testing

@Suite struct SecretFilesTests {
  @Test func aTokenIsOneLineOfVisibleCharacters() throws {
    let directory = try TemporaryDirectory()
    let files = SecretFiles(credentialsDirectory: nil, configDirectory: directory.path)
    directory.write("good", "  abc.DEF-123~+/= \r\n")
    #expect(try files.token("good") == "abc.DEF-123~+/=")
    for bad in [
      "", " \n", "a b", "a\nX-Evil: 1", "a\u{7F}b", "a\0b", "ä", String(repeating: "x", count: 65_537),
    ] {
      directory.write("bad", bad)
      #expect(throws: SecretFiles.TokenProblem.self) { try files.token("bad") }
    }
    #expect(throws: SecretFiles.TokenProblem.self) { try files.token("missing") }
  }

  @Test func credentialsComeBeforeTheConfigurationsDirectory() throws {
    let credentials = try TemporaryDirectory()
    let configuration = try TemporaryDirectory()
    let files = SecretFiles(credentialsDirectory: credentials.path, configDirectory: configuration.path)
    configuration.write("one", "from-configuration")
    configuration.write("both", "from-configuration")
    credentials.write("both", "from-credentials")
    #expect(try files.token("one") == "from-configuration")
    #expect(try files.token("both") == "from-credentials")
    #expect(try files.token("\(configuration.path)/both") == "from-configuration")
  }
}

/// A directory under /tmp, removed with what is in it.
final class TemporaryDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/uplink-XXXXXX\0".utf8CString)
    path = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  private var names: Set<String> = []

  func write(_ name: String, _ text: String) {
    names.insert(name)
    let file = fopen("\(path)/\(name)", "w")
    fwrite(text, 1, text.utf8.count, file)
    fclose(file)
  }
}
