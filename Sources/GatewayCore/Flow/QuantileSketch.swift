internal import Glibc

/// Percentiles of any number of values in bounded memory: DDSketch (Masson, Rim and Lee, VLDB 2019). Values are counted
/// in bins whose bounds grow by a constant factor, so each percentile is right to `error` of its value; sketches of the
/// same series' parts add up to that of the whole.
///
/// The value at rank floor(q · (n - 1)) of the sorted values is the one that is told (numpy's method "lower").
package struct QuantileSketch: Equatable, Sendable {
  /// Relative, of the value that is told.
  package static let error = 0.01
  /// Bins of each sign; where values spread over more than 17 powers of ten, the smallest of them share one.
  static let mostBins = 2048
  /// What is closer to zero counts as zero.
  static let least = 1e-12
  static let factor = (1 + error) / (1 - error)
  private static let scale = 1 / Glibc.log(factor)

  private var positive = Bins()
  private var negative = Bins()
  private var zeros: UInt64 = 0
  package private(set) var count: UInt64 = 0

  package init() {}

  /// Starts over, keeping the memory.
  package mutating func removeAll() {
    positive.removeAll()
    negative.removeAll()
    (zeros, count) = (0, 0)
  }

  package mutating func add(_ value: Double) {
    guard value.isFinite else { return }
    count &+= 1
    let magnitude = value.magnitude
    guard magnitude >= Self.least else {
      zeros &+= 1
      return
    }
    let bin = Int32((Glibc.log(magnitude) * Self.scale).rounded(.up))
    if value > 0 { positive.add(1, at: bin) } else { negative.add(1, at: bin) }
  }

  package mutating func add(_ other: QuantileSketch) {
    for (bin, number) in other.positive { positive.add(number, at: bin) }
    for (bin, number) in other.negative { negative.add(number, at: bin) }
    (zeros, count) = (zeros &+ other.zeros, count &+ other.count)
  }

  /// `quantile` in 0 … 1; nil while there is no value.
  package func value(at quantile: Double) -> Double? {
    guard count > 0 else { return nil }
    var rank = UInt64(quantile * Double(count - 1))
    for (bin, number) in negative.reversed {
      if rank < number { return -Self.value(of: bin) }
      rank -= number
    }
    if rank < zeros { return 0 }
    rank -= zeros
    for (bin, number) in positive {
      if rank < number { return Self.value(of: bin) }
      rank -= number
    }
    return nil
  }

  /// The one that is no further than `error` from both bounds of the bin.
  private static func value(of bin: Int32) -> Double {
    2 * Glibc.pow(factor, Double(bin)) / (factor + 1)
  }

  // MARK: On disk

  /// varint zeros; for each sign: varint bins, then for each bin with values zigzag varint bin, varint number.
  func append(to buffer: inout ByteBuffer) {
    buffer.append(varint: zeros)
    for bins in [positive, negative] {
      buffer.append(varint: UInt64(bins.reduce(0) { count, _ in count + 1 }))
      for (bin, number) in bins {
        buffer.append(varint: RowCodec.zigzag(Int64(bin)))
        buffer.append(varint: number)
      }
    }
  }

  /// nil for what `append` does not write.
  init?(_ reader: inout ByteReader) {
    guard let zeros = reader.varint(), zeros < 1 << 62 else { return nil }
    (self.zeros, count) = (zeros, zeros)
    for isPositive in [true, false] {
      guard let bins = reader.varint(), bins <= Self.mostBins else { return nil }
      for _ in 0..<bins {
        guard let bin = reader.varint().map(RowCodec.unzigzag), bin.magnitude < 1 << 20,
          let number = reader.varint(), number < 1 << 50
        else { return nil }
        if isPositive { positive.add(number, at: Int32(bin)) } else { negative.add(number, at: Int32(bin)) }
        count += number
      }
    }
  }
}

/// Counts by bin, dense between the lowest and the highest that has any; in their order.
private struct Bins: Equatable, Sendable, Sequence {
  private var counts: [UInt64] = []
  /// The bin of `counts[0]`.
  private var lowest: Int32 = 0
  /// Room is made for so many bins at once.
  private static let stride: Int32 = 64

  static func == (left: Bins, right: Bins) -> Bool {
    left.elementsEqual(right) { $0.bin == $1.bin && $0.number == $1.number }
  }

  /// The next value says where the bins lie: one outlier is not to have them for ever.
  mutating func removeAll() { counts.removeAll(keepingCapacity: true) }

  mutating func add(_ number: UInt64, at bin: Int32) {
    if counts.isEmpty { lowest = bin - Self.stride / 2 }
    if bin < lowest { growDown(to: bin) }
    let place = Int(bin) - Int(lowest)
    if place >= counts.count { growUp(to: bin) }
    // A bin that there is no room for is the lowest there is.
    counts[Swift.max(Int(bin) - Int(lowest), 0)] &+= number
  }

  private mutating func growUp(to bin: Int32) {
    let length = Int(bin) - Int(lowest) + Int(Self.stride)
    let excess = length - QuantileSketch.mostBins
    guard excess > 0 else {
      counts += repeatElement(0, count: length - counts.count)
      return
    }
    let gone = counts.prefix(excess).reduce(0, &+)
    counts.removeFirst(Swift.min(excess, counts.count))
    counts += repeatElement(0, count: QuantileSketch.mostBins - counts.count)
    lowest += Int32(excess)
    counts[0] &+= gone
  }

  private mutating func growDown(to bin: Int32) {
    let room = Int32(Swift.max(0, QuantileSketch.mostBins - counts.count))
    let more = Swift.min(lowest - bin + Self.stride, room)
    counts.insert(contentsOf: repeatElement(0, count: Int(more)), at: 0)
    lowest -= more
  }

  func makeIterator() -> some IteratorProtocol<(bin: Int32, number: UInt64)> {
    counts.enumerated().lazy.filter { $0.element > 0 }
      .map { [lowest] in (bin: lowest + Int32($0.offset), number: $0.element) }.makeIterator()
  }

  var reversed: some Sequence<(bin: Int32, number: UInt64)> {
    counts.enumerated().reversed().lazy.filter { $0.element > 0 }
      .map { [lowest] in (bin: lowest + Int32($0.offset), number: $0.element) }
  }
}
