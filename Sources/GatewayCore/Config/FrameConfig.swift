/// How a device on a serial line speaks: where a frame begins and ends, and how its fields lie in it.
package struct FrameConfig: Equatable, Sendable {
  package var shape: FrameShape
  /// Means nothing for a binary frame.
  package var text: FrameText

  package init(shape: FrameShape, text: FrameText = FrameText()) {
    self.shape = shape
    self.text = text
  }
}

/// How bytes become frames. Devices of one line with the same shape share a decoder.
package enum FrameShape: Hashable, Sendable {
  /// Whatever stands between two delimiters (1 … 8 bytes).
  case lines(delimiter: [UInt8])
  /// `$` or `!`, fields, `*` and two hexadecimal digits (NMEA 0183, sections 5.3 and 5.2.3).
  case nmea(needsChecksum: Bool)
  case binary(BinaryFrame)
}

/// Fields of characters.
package struct FrameText: Equatable, Sendable {
  package enum Separator: Equatable, Sendable {
    /// Any number of spaces and tabs, also before the first field.
    case whitespace
    case bytes([UInt8])
  }

  package var separator: Separator
  /// Between a field's name and its value; empty where fields have no names.
  package var nameMark: [UInt8]
  package var usesDecimalComma: Bool

  package init(
    separator: Separator = .bytes([UInt8(ascii: ",")]), nameMark: [UInt8] = [], usesDecimalComma: Bool = false
  ) {
    self.separator = separator
    self.nameMark = nameMark
    self.usesDecimalComma = usesDecimalComma
  }
}

/// A frame of bytes. Offsets count from 0, the first start byte.
package struct BinaryFrame: Hashable, Sendable {
  package enum Length: Hashable, Sendable {
    /// Bytes of the whole frame, start and end included.
    case fixed(Int)
    /// A number of one or two bytes in the frame; with `add` it gives the bytes of the whole frame. A frame that
    /// would be longer than `most` is none.
    case stated(at: Int, bytes: Int, isLittleEndian: Bool, add: Int, most: Int)
  }

  package struct Checksum: Hashable, Sendable {
    package var kind: FrameChecksum
    package var first: Int
    /// nil: up to the checksum itself.
    package var last: Int?
    package var isLittleEndian: Bool

    package init(kind: FrameChecksum, first: Int = 0, last: Int? = nil, isLittleEndian: Bool) {
      self.kind = kind
      self.first = first
      self.last = last
      self.isLittleEndian = isLittleEndian
    }
  }

  /// At least one.
  package var start: [UInt8]
  package var length: Length
  /// Stands right before `end`; nil where the device sends none.
  package var checksum: Checksum?
  package var end: [UInt8]

  package init(start: [UInt8], length: Length, checksum: Checksum? = nil, end: [UInt8] = []) {
    self.start = start
    self.length = length
    self.checksum = checksum
    self.end = end
  }

  /// What stands behind the payload: checksum and end.
  package var trailer: Int { (checksum?.kind.bytes ?? 0) + end.count }
}

/// How a point takes its value out of a frame.
package struct FrameField: Equatable, Sendable {
  package enum Place: Equatable, Sendable {
    case text(TextPlace)
    case bytes(FrameBytes)
  }

  package var place: Place
  /// The sentence's address, or what the line begins with; other frames say nothing about this point. Empty:
  /// every frame does.
  package var selector: [UInt8]
  /// What is sent to get the frame; empty where the device talks by itself.
  package var request: [UInt8]
  /// For text; the layout of bytes has its own.
  package var scale: LinearScale
  /// What stands behind the number and does not belong to it, such as a unit.
  package var suffix: [UInt8]
  /// Texts that mean a number; where there are any, no other text is taken.
  package var words: [FrameWord]
  /// nil where every frame counts.
  package var validity: FrameValidity?

  package init(
    place: Place, selector: [UInt8] = [], request: [UInt8] = [], scale: LinearScale = .identity,
    suffix: [UInt8] = [], words: [FrameWord] = [], validity: FrameValidity? = nil
  ) {
    self.place = place
    self.selector = selector
    self.request = request
    self.scale = scale
    self.suffix = suffix
    self.words = words
    self.validity = validity
  }
}

package enum TextPlace: Equatable, Sendable {
  /// Counts from 1: the first field behind the sentence's address or the prefix.
  case index(Int)
  case name([UInt8])
}

/// Bytes of a binary frame and what they mean.
package struct FrameBytes: Equatable, Sendable {
  package var first: Int
  /// 1, 2, 4 or 8
  package var width: Int
  package var layout: RegisterLayout

  package init(first: Int, width: Int, layout: RegisterLayout) {
    self.first = first
    self.width = width
    self.layout = layout
  }
}

package struct FrameWord: Equatable, Sendable {
  package var text: [UInt8]
  package var value: Value

  package init(text: [UInt8], value: Value) {
    self.text = text
    self.value = value
  }
}

/// The field by which a device says whether what it sends is to be trusted, and the texts that say yes.
package struct FrameValidity: Equatable, Sendable {
  package var place: TextPlace
  package var words: [[UInt8]]

  package init(place: TextPlace, words: [[UInt8]]) {
    self.place = place
    self.words = words
  }
}
