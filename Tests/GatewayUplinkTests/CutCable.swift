import Glibc

/// From now on the kernel drops whatever arrives at `socket` before TCP sees it: to the other side we are gone. By the
/// socket filter "take nothing" (socket(7), SO_ATTACH_FILTER; BPF_RET | BPF_K is 6).
func takeNothingMore(from socket: Int32) {
  var instruction: UInt64 = 6
  withUnsafePointer(to: &instruction) { instruction in
    var program = (length: UInt16(1), instructions: instruction)
    let size = socklen_t(MemoryLayout.size(ofValue: program))
    precondition(setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, size) == 0)
  }
}
