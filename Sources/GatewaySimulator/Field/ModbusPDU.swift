internal import GatewayCore

/// What a Modbus device answers, whatever carries it (Application Protocol 1.1b3, sections 6.1-6.4, 6.21, 7):
/// from a request's function code on, to an answer's last byte before any checksum. Pure: bytes in, bytes out.
enum ModbusPDU {
  static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Int {
    Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
  }

  /// Appends a device's answer to `request`, which has at least its function code.
  static func answer(
    _ request: UnsafeRawBufferPointer, from image: DeviceImage, into output: inout ByteBuffer
  ) {
    let function = request[0]
    if function == 43, !image.identity.isEmpty { return identify(request, image.identity, into: &output) }
    guard let table = table(function: function) else { return refuse(function, code: 1, into: &output) }
    guard request.count == 5 else { return refuse(function, code: 3, into: &output) }
    let address = word(request, 1)
    let count = word(request, 3)
    guard count >= 1, count <= table.requestLimit else { return refuse(function, code: 3, into: &output) }
    let byteCount = table.isBits ? (count + 7) / 8 : 2 * count
    let answered: Void? = image.read(table, at: address, count: count) { words in
      output.append(function)
      output.append(UInt8(byteCount))
      output.append(upTo: byteCount) { room in
        if table.isBits { pack(words, into: room) } else { copy(words, into: room) }
        return byteCount
      }
    }
    if answered == nil { refuse(function, code: 2, into: &output) }
  }

  /// Read device identification (section 6.21): the basic objects, as a stream or one by one.
  private static func identify(
    _ request: UnsafeRawBufferPointer, _ objects: [[UInt8]], into output: inout ByteBuffer
  ) {
    guard request.count == 4, request[1] == 14, (1...4).contains(request[2]) else {
      return refuse(43, code: request.count > 1 && request[1] != 14 ? 1 : 3, into: &output)
    }
    let (code, wanted) = (request[2], Int(request[3]))
    if code == 4, wanted >= objects.count { return refuse(43, code: 2, into: &output) }
    // A stream that should begin at an object that is not there begins at the first.
    let first = wanted < objects.count ? wanted : 0
    let chosen = code == 4 ? first..<first + 1 : first..<objects.count
    // Conformity: basic objects, as a stream and one by one. Nothing follows.
    output.append([43, 14, code, 0x81, 0, 0, UInt8(chosen.count)])
    for place in chosen { output.append([UInt8(place), UInt8(objects[place].count)] + objects[place]) }
  }

  /// Appends an exception.
  static func refuse(_ function: UInt8, code: UInt8, into output: inout ByteBuffer) {
    output.append(function | 0x80)
    output.append(code)
  }

  private static func table(function: UInt8) -> RegisterTable? {
    switch function {
    case 1: .coil
    case 2: .discrete
    case 3: .holding
    case 4: .input
    default: nil
    }
  }

  private static func copy(_ words: UnsafeBufferPointer<UInt16>, into room: UnsafeMutableRawBufferPointer) {
    for index in 0..<words.count {
      room.storeBytes(of: words[index].bigEndian, toByteOffset: 2 * index, as: UInt16.self)
    }
  }

  /// The first bit is the lowest of the first byte (section 6.1).
  private static func pack(_ bits: UnsafeBufferPointer<UInt16>, into room: UnsafeMutableRawBufferPointer) {
    for index in 0..<room.count { room[index] = 0 }
    for index in 0..<bits.count where bits[index] != 0 { room[index / 8] |= 1 << UInt8(index % 8) }
  }
}
