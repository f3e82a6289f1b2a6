package import GatewayCore
internal import Glibc

/// The block device below a directory, as sysfs shows it.
package enum FlashMedium {
  /// What the eMMC under `directory` says of its wear; nil for any other medium, and where the kernel does
  /// not know the device (file systems over several, encrypted ones). `sysfs` is where sysfs is mounted.
  package static func life(under directory: String, sysfs: String = "/sys") -> FlashLife? {
    var status = stat()
    guard stat(directory, &status) == 0 else { return nil }
    return life(ofDevice: status.st_dev, sysfs: sysfs)
  }

  /// Both files belong to the card, which is the `device` of the whole disk, not of its partition. The kernel
  /// takes `..` behind a symbolic link from where that leads to.
  private static func life(ofDevice number: dev_t, sysfs: String) -> FlashLife? {
    let block = "\(sysfs)/dev/block/\(major(number)):\(minor(number))"
    let isPartition = access("\(block)/partition", F_OK) == 0
    let disk = isPartition ? "\(block)/.." : block
    guard let path = realpath(disk, nil) else { return nil }
    defer { free(path) }
    let name = String(cString: path).split(separator: "/").last.map(String.init) ?? ""
    return FlashLife(
      device: name, lifeTime: text("\(disk)/device/life_time"),
      preEndOfLife: text("\(disk)/device/pre_eol_info"))
  }

  private static func text(_ path: String) -> String {
    (try? readFile(path, limit: 4096)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  /// gnu_dev_major(3), a macro in C.
  private static func major(_ number: dev_t) -> UInt64 {
    let number = UInt64(number)
    return number >> 8 & 0xFFF | number >> 32 & 0xFFFF_F000
  }

  private static func minor(_ number: dev_t) -> UInt64 {
    let number = UInt64(number)
    return number & 0xFF | number >> 12 & 0xFFFF_FF00
  }
}
