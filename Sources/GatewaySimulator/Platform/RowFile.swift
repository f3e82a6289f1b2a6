internal import GatewayCore
internal import GatewaySystem
internal import Glibc

/// The record of unique rows: one JSON object a line, the row's members after `gateway` and `stream`. Owned by
/// the platform's thread.
final class RowFile {
  private let file: FileDescriptor
  private var end = 0
  private var buffer = ByteBuffer(capacity: 256 << 10)

  /// Replaces what was there.
  init(_ path: String) throws(SystemError) {
    file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
  }

  func append(_ row: String, of batch: BatchSummary) {
    buffer.append("{\"gateway\":")
    JSONWriter.append(string: batch.gateway, to: &buffer)
    buffer.append(",\"stream\":\"")
    buffer.append(batch.stream)
    buffer.append("\",")
    buffer.append(String(row.dropFirst()))
    buffer.append("\n")
  }

  /// Writes what was appended, before the batch is answered.
  func flush() throws(SystemError) {
    let result = buffer.withBytes { file.writeAll($0, at: end) }
    if case .failure(let error) = result {
      throw SystemError("cannot write the record of rows", code: error.code)
    }
    end += buffer.count
    buffer.removeAll()
  }
}
