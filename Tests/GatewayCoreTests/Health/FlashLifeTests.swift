import GatewayCore
import Testing

@Suite struct FlashLifeTests {
  @Test(
    arguments: [
      ("0x01 0x02\n", "0x01\n", 2, 1, .ok), ("0x03 0x00\n", "0x00\n", 3, nil, .ok),
      ("0x09 0x01\n", "0x01\n", 9, 1, .ok), ("0x01 0x0a\n", "0x01\n", 10, 1, .warning),
      ("0x0B 0x01\n", "0x01\n", 11, 1, .critical), ("0x01 0x01\n", "0x02\n", 1, 2, .warning),
      ("0x01 0x01\n", "0x03\n", 1, 3, .critical), ("", "0x01", nil, 1, .ok),
    ] as [(String, String, UInt8?, UInt8?, StatusSnapshot.State)])
  func whatTheKernelShowsIsUnderstood(
    life: String, spare: String, tenths: UInt8?, preEndOfLife: UInt8?, state: StatusSnapshot.State
  ) {
    let found = FlashLife(device: "mmcblk0", lifeTime: life, preEndOfLife: spare)
    #expect(found == FlashLife(device: "mmcblk0", usedTenths: tenths, preEndOfLife: preEndOfLife))
    #expect(found?.state == state)
    #expect((found?.sentence == nil) == (state == .ok))
  }

  @Test(arguments: [("", ""), ("0x00 0x00", "0x00"), ("7 8", "1"), ("0xFF 0x0c", "0x04"), ("0x", "0xg")])
  func whatMeansNothingIsNotKnown(life: String, spare: String) {
    #expect(FlashLife(device: "mmcblk0", lifeTime: life, preEndOfLife: spare) == nil)
  }

  @Test func theSentenceSaysWhatToDo() {
    #expect(
      FlashLife(device: "mmcblk0", usedTenths: 10, preEndOfLife: 2).sentence
        == "flash mmcblk0: more than 90 % of its life is used and 80 % of its spare blocks are used, "
        + "replace it within months; rows are stored no more often than every 10 s to save it")
    #expect(
      FlashLife(device: "mmcblk0", usedTenths: 11, preEndOfLife: 1).sentence
        == "flash mmcblk0: all of its life is used, replace it now; rows are stored no more often than every 10 s to save it"
    )
  }
}
