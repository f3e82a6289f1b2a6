// The daemon as the control socket sees it: what must be given for the interface `org.citygateway`.
package import GatewayCore

/// Called on the control thread, one call at a time; each call should return within a second, since all clients
/// wait for it. What takes longer is asked for here and looked after in turns (`BusAnswers`).
package protocol ControlDelegate: AnyObject, Sendable {
  func status() -> StatusSnapshot
  /// Each point with its last reading, in the order of the configuration.
  func lastValues() -> [StatusSnapshot.Point]
  /// Reads the configuration again; the problems that kept it from being taken, none when it runs.
  func reload() -> [String]
  /// Makes every forwarder try now what it holds back; the rows that are queued.
  func flush() -> UInt64

  /// Each alarm of the configuration, in its order.
  func alarms() -> [AlarmReport]
  func storeReport() -> StoreReport
  /// Begins to read the rows that a destination lacks; without a name those that any lacks.
  func export(of destination: String?) -> CarryAnswer<any ExportedBatches>
  /// Begins to settle rows as delivered at a destination; without a name at all of them.
  func markDelivered(_ runs: [ExportedRun], at destination: String?) -> CarryAnswer<any MarkedRows>
  /// Begins to write down what a destination would be sent of these points.
  func preview(of destination: String, points: WatchedPoints) -> CarryAnswer<any PreviewedRows>

  /// Begins to make a destination's platform ready; only those of a format that needs it are known.
  func provision(_ destination: String) -> CarryAnswer<any Provisioned>

  /// The rows that platforms refuse, the oldest first.
  var quarantine: [QuarantineEntry] { get }
  /// Queues these again, or forgets them. What went wrong, a sentence each.
  func retry(_ entries: [QuarantineEntry]) -> [String]
  func drop(_ entries: [QuarantineEntry]) -> [String]

  /// In the order of the configuration.
  var busNames: [String] { get }
  /// nil for a name that no bus has.
  func report(onBus name: String) -> BusReport?
  /// Has the bus's own thread ask this, when its polls leave it time; nil for a name that no bus has, and when
  /// too much waits already.
  func ask(_ inquiries: [BusInquiry], ofBus name: String) -> (any BusAnswers)?
  /// The configured devices of a bus by their unit.
  func devices(onBus name: String) -> [UInt8: String]
  /// `chip` as a person names it: the path, its last part, or the name of a bus.
  func report(onChip chip: String) -> ChipAnswer
}

/// The answers to what was asked of a bus, as they come.
package protocol BusAnswers: AnyObject, Sendable {
  /// Those since the last time, in the order of the inquiries.
  func take() -> [(inquiry: BusInquiry, finding: BusFinding)]
  /// No further one will come, and all were taken.
  var isFinished: Bool { get }
  /// Nobody waits any more.
  func cancel()
}

package enum ChipAnswer: Equatable, Sendable {
  case report(ChipReport)
  case unknown(known: [String])
  case failed(String)
}
