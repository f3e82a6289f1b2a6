internal import GatewayCore
internal import GatewaySystem
internal import GatewayYAML
internal import Glibc

/// The files beside this one, found through the compiler's own name for it.
enum Fixtures {
  private static func directory(_ file: String) -> String {
    String(file.reversed().drop { $0 != "/" }.dropFirst().reversed())
  }

  static let folder = directory(#filePath) + "/Fixtures"

  static let example = directory(directory(directory(#filePath))) + "/Config/gateway.yaml"
  static let profiles = directory(directory(directory(#filePath))) + "/Config/profiles"

  /// The names, without their endings, of all files that are wrong.
  static let names: [String] = {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(".yaml") { names.append(String(name.dropLast(5))) }
    }
    return names.sorted()
  }()

  static func text(_ path: String) throws -> String { String(decoding: try readFile(path), as: UTF8.self) }

  /// What is said about a text; empty when nothing is wrong.
  static func problems(_ text: String) -> [ConfigProblem] { problems(Array(text.utf8)) }

  static func problems(_ bytes: [UInt8]) -> [ConfigProblem] {
    do throws(ConfigProblems) {
      _ = try ConfigFile.check(bytes, file: "test.yaml")
      return []
    } catch { return error.list }
  }
}
