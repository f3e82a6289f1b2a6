/// What an eMMC says of its own wear (JEDEC JESD84-B51, 7.4.35 and following: EXT_CSD bytes 267 to 269).
/// Pure: the numbers may be anything, those without a meaning count as unknown.
package struct FlashLife: Equatable, Sendable {
  /// The kernel's name of the medium, `mmcblk0`.
  package var device: String
  /// Tenths of the life that are used, rounded up: 1 … 10; 11: more than all of it. The worse of the two
  /// types of cells that a device may have; nil where it does not say.
  package var usedTenths: UInt8?
  /// 1: normal; 2: 80 % of the spare blocks are used; 3: 90 %. nil where the device does not say.
  package var preEndOfLife: UInt8?

  package init(device: String, usedTenths: UInt8?, preEndOfLife: UInt8?) {
    self.device = device
    self.usedTenths = usedTenths
    self.preEndOfLife = preEndOfLife
  }

  /// From the kernel's files `life_time` ("0x01 0x02") and `pre_eol_info` ("0x01"); nil when they say
  /// nothing.
  package init?(device: String, lifeTime: String, preEndOfLife: String) {
    let estimates = Self.numbers(lifeTime).filter { (1...11).contains($0) }
    let spare = Self.numbers(preEndOfLife).first.flatMap { (1...3).contains($0) ? $0 : nil }
    guard estimates.max() != nil || spare != nil else { return nil }
    self.init(device: device, usedTenths: estimates.max(), preEndOfLife: spare)
  }

  private static func numbers(_ text: String) -> [UInt8] {
    text.split(whereSeparator: \.isWhitespace).compactMap { word in
      word.hasPrefix("0x") ? UInt8(word.dropFirst(2), radix: 16) : nil
    }
  }

  /// Rows are stored no more often than this once the end is near: half of what a small cabinet writes is the
  /// padding of its commits.
  package static let stretchedCommit = Duration.seconds(10)

  package var state: StatusSnapshot.State {
    if usedTenths ?? 0 >= 11 || preEndOfLife ?? 0 >= 3 { return .critical }
    return usedTenths ?? 0 >= 10 || preEndOfLife ?? 0 >= 2 ? .warning : .ok
  }

  /// What an operator should know; nil while the end is far.
  package var sentence: String? {
    guard state != .ok else { return nil }
    var causes: [String] = []
    if let tenths = usedTenths, tenths >= 10 {
      causes.append(tenths > 10 ? "all of its life is used" : "more than 90 % of its life is used")
    }
    if let spare = preEndOfLife, spare >= 2 {
      causes.append("\(spare > 2 ? 90 : 80) % of its spare blocks are used")
    }
    let advice = state == .critical ? "replace it now" : "replace it within months"
    return
      "flash \(device): \(causes.joined(separator: " and ")), \(advice); rows are stored no more often than "
      + "every \(Self.stretchedCommit.components.seconds) s to save it"
  }
}
