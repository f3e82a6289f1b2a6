/// Computes the derived points of one configuration from the readings of their inputs.
package struct DerivedPoints: Sendable {
  private struct Derived: Sendable {
    var point: PointIndex
    var formula: Formula
    /// Where its inputs are in `latest`.
    var inputs: Range<Int>
    /// How many of them have not been read since it was computed last.
    var missing: Int
  }

  private var derived: [Derived] = []
  /// For each point of the catalogue where its uses begin; one more stands behind the last.
  private var firstUse: [Int] = [0]
  private var uses: [(derived: Int, input: Int)] = []
  private var latest: [Reading] = []
  private var isFresh: [Bool] = []

  /// The formulas' inputs are points of the configuration, and none depends on itself (`ConfigCheck` sees to it).
  package init(_ config: GatewayConfig) {
    let points = config.devices.flatMap { device in
      device.points.map { (name: "\(device.name).\($0.name)", place: $0.place) }
    }
    let none = Reading(
      point: 0, at: Moment(time: Timestamp(microseconds: 0), boot: BootTime(microseconds: 0)), value: nil)
    var usesOf: [String: [(derived: Int, input: Int)]] = [:]
    for (index, point) in points.enumerated() {
      guard case .formula(let formula) = point.place else { continue }
      for (input, name) in formula.inputs.enumerated() {
        usesOf[name, default: []].append((derived.count, latest.count + input))
      }
      derived.append(
        Derived(
          point: PointIndex(index), formula: formula,
          inputs: latest.count..<latest.count + formula.inputs.count, missing: formula.inputs.count))
      latest += formula.inputs.map { _ in none }
    }
    isFresh = latest.map { _ in false }
    guard !derived.isEmpty else { return }
    for point in points {
      uses += usesOf[point.name] ?? []
      firstUse.append(uses.count)
    }
  }

  /// None.
  package init() {}

  package var isEmpty: Bool { derived.isEmpty }

  /// Gives out each derived point whose inputs have all been read since it was computed last, of which this reading is
  /// the last one. Each has the time of its latest input and the worst quality of all; no value where an input is bad,
  /// or where the formula has none. What is derived from it in turn takes it as its own tests leave it: the caller
  /// adds it behind them, once this call is over.
  @inline(__always)
  package mutating func add(_ reading: Reading, _ emit: (Reading) -> Void) {
    let point = Int(reading.point)
    guard point + 1 < firstUse.count, firstUse[point] < firstUse[point + 1] else { return }
    take(reading, emit)
  }

  private mutating func take(_ reading: Reading, _ emit: (Reading) -> Void) {
    let point = Int(reading.point)
    for use in firstUse[point]..<firstUse[point + 1] {
      let (place, input) = uses[use]
      latest[input] = reading
      if !isFresh[input] {
        isFresh[input] = true
        derived[place].missing -= 1
      }
      guard derived[place].missing == 0 else { continue }
      derived[place].missing = derived[place].inputs.count
      for input in derived[place].inputs { isFresh[input] = false }
      emit(compute(place))
    }
  }

  private func compute(_ place: Int) -> Reading {
    let (point, inputs) = (derived[place].point, derived[place].inputs)
    var (newest, worst) = (latest[inputs.lowerBound], latest[inputs.lowerBound])
    var timeQuality = newest.timeQuality
    var isBad = false
    for index in inputs {
      let input = latest[index]
      if input.boot > newest.boot { newest = input }
      if input.quality.rawValue > worst.quality.rawValue { worst = input }
      if input.timeQuality == .unsynced || timeQuality == .synced { timeQuality = input.timeQuality }
      isBad = isBad || input.quality == .bad || input.value == nil
    }
    func failed(_ reason: QualityReason) -> Reading {
      Reading(point: point, at: newest.moment, failed: reason, timeQuality: timeQuality)
    }
    guard !isBad else { return failed(.badInput) }
    let value = derived[place].formula.evaluate {
      latest[inputs.lowerBound + $0].value?.asDouble ?? .nan
    }
    guard value.isFinite else { return failed(.notANumber) }
    return Reading(
      point: point, at: newest.moment, value: .double(value), quality: worst.quality, reason: worst.reason,
      timeQuality: timeQuality)
  }
}
