internal import GatewayCore
internal import GatewayStore
internal import GatewaySystem

/// Stores that are full, made quickly: nothing is synchronised before the end, and nobody closes them.
struct FullStore {
  static let capacity = 256 << 20
  static let destination = "platform"
  static let boot = BootID(high: 1, low: 2)

  let path: String
  var segments = 0
  var commits: UInt64 = 0
  var rows: UInt64 = 0

  /// Commits of 1000 rows until the first ones had to go, and the newest segment has no room left.
  static func ofLargeCommits(in directory: String) throws -> FullStore {
    let points = 1000
    let catalogue = Catalogue(
      points: (0..<points).map {
        PointDescription(name: "device.p\($0)", unit: "CEL", kind: .gauge, window: .raw, functions: .standard)
      })
    var rows = RowEncoder()
    return try fill(directory) { store, commit in
      StoreBench.encode(commit, into: &rows)
      return try rows.bytes.withBytes { payload in
        if store.overallBooks.evicted > 0,
          store.nextAppendNeedsCheckpoint(payload: payload.count, catalogue: catalogue)
        {
          return false
        }
        try store.append(
          payload: payload, rowCount: points, catalogue: catalogue,
          time: CabinetLoad.start.advanced(by: .seconds(commit)))
        return true
      }
    }
  }

  /// A commit a second, as short as a cabinet's are, until every slot was used and a quarter of them is packed; the
  /// newest segment has no room left.
  static func ofSmallCommits(in directory: String) throws -> FullStore {
    var load = CabinetLoad()
    let catalogue = load.catalogue
    return try fill(directory) { store, second in
      var goesOn = true
      try load.commit(second: second) { payload, count, time in
        let segments = store.inspection.segments
        if second > segments.total << 10,
          store.nextAppendNeedsCheckpoint(payload: payload.count, catalogue: catalogue)
        {
          goesOn = false
          return
        }
        try store.append(payload: payload, rowCount: count, catalogue: catalogue, time: time)
        store.makeRoom()
      }
      return goesOn
    }
  }

  private static func fill(
    _ directory: String, _ append: (DurableStore, Int) throws -> Bool
  ) throws -> FullStore {
    let path = "\(directory)/store-v1"
    let file = try CountedFile(path)
    let store = try DurableStore(
      device: file, slotSize: 4 << 20, capacity: capacity, destinations: [destination], boot: boot,
      mark: StoredMark())
    var commit = 0
    while try append(store, commit) { commit += 1 }
    file.flush()
    let inspection = store.inspection
    return FullStore(
      path: path, segments: inspection.segments.used, commits: store.usage.commits,
      rows: store.overallBooks.queued)
  }
}
