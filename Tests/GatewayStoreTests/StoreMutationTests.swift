import GatewayCore
import Glibc
import Testing

@testable import GatewayStore

/// Whatever bytes are changed: the store opens, gives out no false row, loses the commits that were hit and no others,
/// has their rows in the books, and goes on. `GATEWAY_MUTATIONS`: how many.
@Suite struct StoreMutationTests {
  private static let asked = getenv("GATEWAY_MUTATIONS").flatMap { Int(String(cString: $0)) }
  private static let total = asked ?? 400
  private static func seed() -> UInt64 { UInt64.random(in: 0...UInt64(UInt32.max)) << 8 }
  private static let parts = 4
  private static let perImage = 1000

  @Test(arguments: 0..<parts)
  func damageOfAnyKindCostsTheCommitsThatWereHit(part: Int) throws {
    let seed = Self.seed()
    var counts = MutationTrial.Counts()
    while counts.mutations < Self.total / Self.parts {
      let imageSeed = seed &+ UInt64(counts.mutations) << 32
      let image = try StoreLife.image(seed: imageSeed)
      for number in 0..<min(Self.perImage, Self.total / Self.parts - counts.mutations) {
        var trial = MutationTrial(
          image, "image \(imageSeed)", seed: seed &+ UInt64(counts.mutations), isBusy: number % 8 == 0)
        try trial.run()
        counts.add(trial.counts)
      }
    }
    Self.report(seed, counts)
  }

  private static func report(_ seed: UInt64, _ counts: MutationTrial.Counts) {
    print(
      "mutations: \(counts.mutations), \(counts.damagedRows) damaged rows counted, "
        + "\(counts.unknownRows) of a last commit; in \(counts.bothCopies) both copies of something hit; "
        + "false rows \(counts.falseRows), failures to start \(counts.failedStarts), seed \(seed)")
  }

  /// The one that version 0.1.0 left behind; its slots are of 4 MiB.
  @Test func damageToAStoreOfFormat1CostsTheCommitsThatWereHit() throws {
    let bytes = try goldenStore("store-format-1")
    let destinations = ["archive", "platform"]
    let intact = try DurableStore(
      device: MemoryDevice(bytes), slotSize: StoreFormat.slotSize, capacity: 16 << 20,
      destinations: destinations, boot: bootA, mark: StoredMark())
    var rows: [StoreImage.Name: StoreImage.Content] = [:]
    var catalogues: [UInt32: Catalogue] = [:]
    let queue = intact.queue(for: "archive")
    while let run = queue.pending(from: 1), case .commit(let commit) = queue.read(at: run.lowerBound) {
      let catalogue = try #require(queue.catalogue(commit.catalogueID))
      catalogues[catalogue.id] = catalogue
      try commit.forEachRow { rows[$0] = StoreImage.Content(row: $1, catalogue: catalogue.id) }
      queue.acknowledge(run.lowerBound...commit.lastSeq, as: .delivered)
    }
    #expect(rows.count == 31)
    let image = try StoreImage(
      bytes, earlier: [], slotSize: StoreFormat.slotSize, slots: 3, destinations: destinations, rows: rows,
      catalogues: catalogues)
    let seed = Self.seed()
    var counts = MutationTrial.Counts()
    for number in 0..<Self.total / 200 {
      var trial = MutationTrial(image, "golden store", seed: seed &+ UInt64(number), isBusy: false)
      try trial.run()
      counts.add(trial.counts)
    }
    Self.report(seed, counts)
  }
}
