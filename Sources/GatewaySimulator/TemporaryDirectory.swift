package import GatewaySystem
internal import Glibc

/// A directory for one test, demo or benchmark.
package enum TemporaryDirectory {
  package static func make(prefix: String, in parent: String = "/tmp") throws(SystemError) -> String {
    var template = Array("\(parent)/\(prefix)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw SystemError("cannot make a directory in \"\(parent)\"", code: errno)
    }
    return template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  /// Removes it with the files and directories in it.
  package static func remove(_ path: String) {
    if let directory = opendir(path) {
      while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        guard name != "." && name != ".." else { continue }
        if entry.pointee.d_type == UInt8(DT_DIR) {
          remove("\(path)/\(name)")
        } else {
          unlink("\(path)/\(name)")
        }
      }
      closedir(directory)
    }
    rmdir(path)
  }
}

/// The directory of the running program; its siblings were built with it.
package func programsDirectory() throws(SystemError) -> String {
  var path = [CChar](repeating: 0, count: 4096)
  let length = readlink("/proc/self/exe", &path, path.count)
  guard length > 0 else { throw SystemError("cannot find this program's directory", code: errno) }
  let text = String(decoding: path[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
  return String(text[..<(text.lastIndex(of: "/") ?? text.startIndex)])
}
