private import CSystem

/// Keeps the process's heap as small as what is in it.
package enum Heap {
  /// Bytes: whatever is larger goes back to the kernel as soon as it is freed.
  private static let large: Int32 = 256 << 10

  /// Call before other threads run.
  package static func stayCompact() {
    // Hundreds of threads, each with a heap of its own, would keep megabytes apart for nothing.
    mallopt(Int32(M_ARENA_MAX), 1)
    // Unless it is set, the limit rises with each large block that is freed, and its like stay on the heap.
    mallopt(Int32(M_MMAP_THRESHOLD), large)
  }

  /// Gives back what is free.
  package static func trim() { malloc_trim(0) }
}
