/// A frame that was refused: why, when, and how it began.
package struct BadFrame: Equatable, Sendable {
  /// Enough to see unit, function, length and what a neighbour's frame looks like; a longest frame has 256.
  package static let longestKept = 64

  package var kind: BusErrorKind
  package var moment: Moment
  /// Bytes that the whole frame had.
  package var length: Int
  package var start: [UInt8]

  package init(kind: BusErrorKind, moment: Moment, length: Int, start: [UInt8]) {
    self.kind = kind
    self.moment = moment
    self.length = length
    self.start = start
  }
}

/// The last bad frames. Its memory is there from the beginning, so that a storm of noise costs no allocation.
struct BadFrameLog {
  private static let kept = 16

  private struct Entry {
    var kind = BusErrorKind.noise
    var moment = Moment(time: Timestamp(microseconds: 0), boot: BootTime(microseconds: 0))
    var length = 0
  }

  private var entries = Array(repeating: Entry(), count: kept)
  private var bytes = Array(repeating: UInt8(0), count: kept * BadFrame.longestKept)
  private var taken: UInt64 = 0

  mutating func keep(_ kind: BusErrorKind, _ frame: UnsafeRawBufferPointer, _ moment: Moment) {
    let place = Int(taken % UInt64(Self.kept))
    taken &+= 1
    entries[place] = Entry(kind: kind, moment: moment, length: frame.count)
    let start = place * BadFrame.longestKept
    for (offset, byte) in frame.prefix(BadFrame.longestKept).enumerated() { bytes[start + offset] = byte }
  }

  /// The oldest first.
  var all: [BadFrame] {
    let first = taken - min(taken, UInt64(Self.kept))
    return (first..<taken).map { number in
      let place = Int(number % UInt64(Self.kept))
      let entry = entries[place]
      let start = place * BadFrame.longestKept
      return BadFrame(
        kind: entry.kind, moment: entry.moment, length: entry.length,
        start: Array(bytes[start..<start + min(entry.length, BadFrame.longestKept)]))
    }
  }
}
