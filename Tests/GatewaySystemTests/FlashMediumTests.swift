import GatewayCore
import GatewaySimulator
import GatewaySystem
import Glibc
import Testing

/// Against a tree of real files and links, as sysfs has them.
@Suite struct FlashMediumTests {
  /// A sysfs in which `directory` lies on `disk`, or on its second partition.
  private func makeSysfs(
    in directory: String, isPartition: Bool, life: String?, spare: String?
  ) throws -> String {
    var status = stat()
    #expect(stat(directory, &status) == 0)
    let number = UInt64(status.st_dev)
    let (major, minor) = (number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00)
    let sysfs = "\(directory)/sys"
    let disk = "\(sysfs)/devices/mmc0/mmc0:0001/block/mmcblk7"
    for path in [
      "", "/dev", "/dev/block", "/devices", "/devices/mmc0", "/devices/mmc0/mmc0:0001",
      "/devices/mmc0/mmc0:0001/block", "/devices/mmc0/mmc0:0001/block/mmcblk7",
      "/devices/mmc0/mmc0:0001/block/mmcblk7/mmcblk7p2",
    ] { try makeDirectory(sysfs + path) }
    #expect(symlink("../../../mmc0:0001", "\(disk)/device") == 0)
    try write("2\n", to: "\(disk)/mmcblk7p2/partition")
    try life.map { try write($0, to: "\(disk)/device/life_time") }
    try spare.map { try write($0, to: "\(disk)/device/pre_eol_info") }
    let place = "../../devices/mmc0/mmc0:0001/block/mmcblk7\(isPartition ? "/mmcblk7p2" : "")"
    #expect(symlink(place, "\(sysfs)/dev/block/\(major):\(minor)") == 0)
    return sysfs
  }

  private func write(_ text: String, to path: String) throws {
    let file = try FileDescriptor.open(path, O_CREAT | O_WRONLY)
    _ = Array(text.utf8).withUnsafeBytes { file.writeAll($0, at: 0) }
  }

  @Test(arguments: [true, false])
  func theCardBelowADirectoryIsFoundFromItsPartitionToo(isPartition: Bool) throws {
    let directory = try TemporaryDirectory.make(prefix: "gateway-sysfs")
    defer { TemporaryDirectory.remove(directory) }
    let sysfs = try makeSysfs(
      in: directory, isPartition: isPartition, life: "0x02 0x0A\n", spare: "0x01\n")
    #expect(
      FlashMedium.life(under: directory, sysfs: sysfs)
        == FlashLife(device: "mmcblk7", usedTenths: 10, preEndOfLife: 1))
  }

  @Test func aMediumThatSaysNothingIsNone() throws {
    let directory = try TemporaryDirectory.make(prefix: "gateway-sysfs")
    defer { TemporaryDirectory.remove(directory) }
    let sysfs = try makeSysfs(in: directory, isPartition: true, life: nil, spare: nil)
    #expect(FlashMedium.life(under: directory, sysfs: sysfs) == nil)
    #expect(FlashMedium.life(under: directory, sysfs: "\(directory)/nothing") == nil)
    #expect(FlashMedium.life(under: "\(directory)/nothing", sysfs: sysfs) == nil)
  }
}
