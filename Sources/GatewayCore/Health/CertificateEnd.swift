/// When one of a destination's certificates ends.
package struct CertificateEnd: Equatable, Sendable {
  package enum Owner: Sendable { case platform, gateway }

  /// So long ahead there is a warning.
  package static let notice = Duration.seconds(30 * 86_400)

  package var owner: Owner
  package var time: Timestamp

  package init(owner: Owner, time: Timestamp) {
    self.owner = owner
    self.time = time
  }

  /// What an operator should know; nil while there is time enough.
  package func sentence(at now: Timestamp) -> String? {
    guard time < now.advanced(by: Self.notice) else { return nil }
    let whose = owner == .platform ? "the platform's certificate" : "the gateway's client certificate"
    let day = time.description.prefix(10)
    guard now < time else { return "\(whose) expired on \(day)" }
    let days = (time.microseconds - now.microseconds) / 86_400_000_000
    let left = days == 0 ? "in less than a day" : days == 1 ? "in 1 day" : "in \(days) days"
    return "\(whose) expires \(left), on \(day)"
  }
}
