internal import Glibc

/// Writes all of `text` to standard output; a reader that went away ends the program quietly, as `head` expects.
package func printOut(_ text: String) { write(text, to: 1) }

/// Writes all of `text` to standard error.
package func printError(_ text: String) { write(text, to: 2) }

private func write(_ text: String, to number: Int32) {
  var text = text
  text.withUTF8 { bytes in
    var done = 0
    while done < bytes.count {
      switch retrying({ Glibc.write(number, bytes.baseAddress! + done, bytes.count - done) })
        as Result<Int, Errno>
      {
      case .success(let count): done += count
      case .failure(let error):
        if number == 1 && error.code == EPIPE { exit(0) }
        return
      }
    }
  }
}
