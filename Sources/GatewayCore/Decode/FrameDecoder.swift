/// Bytes of a serial line into frames. Pure; allocates nothing after `init`.
///
/// Promises: the same frames however the bytes were cut into pieces; after noise or a broken frame the next good
/// one is found, also one that begins within what was taken for another; a frame whose checksum is wrong is never
/// given out; it holds at most `capacity` bytes, whatever comes. Every byte is a part of a frame or
/// is counted as noise.
package struct FrameDecoder: Sendable {
  /// Longer frames are none. NMEA 0183 has 82 bytes, the sensors of a cabinet at most some hundred.
  package static let longestFrame = 1024
  static let capacity = 2 * longestFrame

  package enum Event {
    /// Of text without its delimiter, or what stands between `$` and `*`; of bytes the whole frame. To be let go
    /// of before the decoder is used again, which else copies its buffer.
    case frame(ArraySlice<UInt8>)
    /// What began and ended like a frame, but whose checksum is wrong or missing.
    case broken(ArraySlice<UInt8>)
  }

  package struct Statistics: Equatable, Sendable {
    package var frames: UInt64 = 0
    package var badChecksums: UInt64 = 0
    /// Bytes that belong to no frame, those of broken ones included.
    package var noise: UInt64 = 0
    /// Beginnings of frames that grew too long.
    package var overflows: UInt64 = 0

    package init() {}
  }

  package let shape: FrameShape
  package private(set) var statistics = Statistics()
  var buffer = [UInt8](repeating: 0, count: capacity)
  /// What is in `buffer` and not judged yet.
  var start = 0
  var end = 0
  /// `start ..< scanned` was looked at and needs no second look; for text.
  var scanned = 0
  /// For lines: the beginning of what comes up to the next delimiter is not known.
  var isSkipping: Bool
  /// For binary frames: nothing more follows what is in the buffer.
  var isEnded = false

  /// `isAligned`: the first byte to come is known to begin a line.
  package init(_ shape: FrameShape, isAligned: Bool = false) {
    self.shape = shape
    isSkipping = !isAligned
  }

  /// Bytes that `append` takes now; at least `longestFrame` when `next` has given all.
  package var room: Int { Self.capacity - (end - start) }

  /// Takes as many of the bytes as there is room for.
  @discardableResult
  package mutating func append(_ bytes: UnsafeRawBufferPointer) -> Int {
    let count = min(bytes.count, room)
    if end + count > Self.capacity { moveToFront() }
    for (place, byte) in bytes.prefix(count).enumerated() { buffer[end + place] = byte }
    end += count
    isEnded = false
    return count
  }

  /// Forgets what it holds, as noise: the line was opened, or a device is asked.
  package mutating func restart(isAligned: Bool) {
    statistics.noise += UInt64(end - start)
    (start, end, scanned) = (0, 0, 0)
    isSkipping = !isAligned
    isEnded = false
  }

  /// Says that the line fell silent: a beginning that waits for more bytes is none, and `next` looks for frames
  /// within it.
  package mutating func endBurst() { isEnded = start < end }

  /// The next frame, good or broken; nil when more bytes are needed.
  package mutating func next() -> Event? {
    switch shape {
    case .lines(let delimiter): nextLine(delimiter)
    case .nmea(let needsChecksum): nextSentence(needsChecksum: needsChecksum)
    case .binary(let frame): nextBinary(frame)
    }
  }

  /// Bytes up to `place` are no part of a frame.
  mutating func skip(to place: Int) {
    statistics.noise += UInt64(place - start)
    start = place
    scanned = max(scanned, place)
  }

  /// A frame that ends before `place` was found.
  mutating func take(_ frame: Range<Int>, upTo place: Int) -> Event {
    statistics.frames += 1
    start = place
    scanned = place
    return .frame(buffer[frame])
  }

  /// `start ..< place` would be a frame but for its checksum; the search goes on at `resume`.
  mutating func refuse(upTo place: Int, resume: Int) -> Event {
    statistics.badChecksums += 1
    let broken = buffer[start..<place]
    skip(to: resume)
    return .broken(broken)
  }

  mutating func countOverflow() { statistics.overflows += 1 }

  private mutating func moveToFront() {
    for place in start..<end { buffer[place - start] = buffer[place] }
    scanned -= start
    end -= start
    start = 0
  }
}
