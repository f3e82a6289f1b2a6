// `Provision`: has a destination's platform made ready for what this gateway sends.
internal import GatewayCore

package enum ProvisionResult: Equatable, Sendable {
  /// `created`: entities that were not there; `datastreams`: those that are known now.
  case done(created: Int, datastreams: Int)
  /// Half a sentence.
  case failed(String)
}

package protocol Provisioned: AnyObject, Sendable {
  /// nil until all is done.
  var result: ProvisionResult? { get }
  func cancel()
}

extension ControlService {
  func provision(_ call: VarlinkCall) -> Answer {
    guard let name = call.parameters["destination"]?.string else { return .invalid("destination") }
    let answer = delegate.provision(name)
    if case .busy(let cause) = answer { return .error("ProvisionFailed", ["cause": .string(cause)]) }
    return begin(answer, name, ProvisionReplies.init)
  }
}

/// One reply when the platform is ready, or why it is not.
final class ProvisionReplies: PendingReplies {
  let interval = Duration.milliseconds(20)
  private(set) var isFinished = false
  private let work: any Provisioned

  init(_ work: any Provisioned) { self.work = work }

  func next(at now: BootTime) -> [UInt8]? {
    guard let result = work.result else { return nil }
    isFinished = true
    switch result {
    case .done(let created, let datastreams):
      return ControlMessage.reply(
        .object([
          "created": ControlMessage.count(UInt64(created)),
          "datastreams": ControlMessage.count(UInt64(datastreams)),
        ]))
    case .failed(let cause):
      return ControlMessage.error("\(ControlInterface.name).ProvisionFailed", ["cause": .string(cause)])
    }
  }

  func cancel() { work.cancel() }
}
