internal import Glibc

/// Puts `bytes` in the place of a small file, with mode 0600: a cut at any moment leaves it as it was or as it is to
/// be, and on the medium once this returns. A draft `NAME.new` in the same directory is written over.
package func replaceFile(_ name: String, in directory: String, by bytes: [UInt8]) throws(SystemError) {
  let path = "\(directory)/\(name)"
  let draft = path + ".new"
  func check(_ result: Result<Void, Errno>, _ action: String) throws(SystemError) {
    if case .failure(let error) = result { throw SystemError("cannot \(action)", code: error.code) }
  }
  let file = try FileDescriptor.open(draft, O_WRONLY | O_CREAT | O_TRUNC)
  try check(bytes.withUnsafeBytes { file.writeAll($0, at: 0) }, "write \"\(draft)\"")
  try check(file.synchronize(), "synchronise \"\(draft)\"")
  try check(renameFile(draft, to: path, replacing: true), "rename \"\(draft)\"")
  let holder = try FileDescriptor.open("\(directory)/.", O_RDONLY | O_DIRECTORY)
  try check(holder.synchronize(), "synchronise \"\(directory)\"")
}
