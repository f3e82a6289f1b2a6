package import GatewayCore

extension BrokerSimulator {
  package struct Observation: Hashable, Sendable {
    package var entity: String
    package var attribute: String
    package var observedAt: String

    package init(entity: String, attribute: String, observedAt: String) {
      self.entity = entity
      self.attribute = attribute
      self.observedAt = observedAt
    }
  }

  /// What a broker keeps. As with Stellio, what is shown becomes history too, and each observation is there once.
  package struct Books: Sendable {
    /// How often each came.
    package var history: [Observation: Int] = [:]
    /// Those that came through the temporal API.
    package var backlog: Set<Observation> = []
    /// What each attribute shows now, `entity attribute` to `observedAt`.
    package var current: [String: String] = [:]
    /// How often something older took the place of what was shown.
    package var setBacks = 0
    package var requests = 0
    /// Requests that came while it was away.
    package var missed = 0
    package var lostAnswers = 0
    /// What no request may look like; always a bug of the sender.
    package var violations: [String] = []
    var entities: Set<String> = []
    /// Entities with a history.
    private var known: Set<String> = []
    private var values: [Observation: Double] = [:]

    package var json: JSONValue {
      .object([
        "requests": .count(UInt64(requests)), "lostAnswers": .count(UInt64(lostAnswers)),
        "observations": .count(UInt64(history.count)),
        "received": .count(UInt64(history.values.reduce(0, +))),
        "backlog": .count(UInt64(backlog.count)), "setBacks": .count(UInt64(setBacks)),
        "violations": .array(violations.map { .string($0) }),
      ])
    }

    /// Entity and attributes are what the broker shows from now on.
    mutating func show(_ entity: BrokerRequest.Entity) {
      for attribute in entity.attributes {
        note(attribute, of: entity)
        let shown = current.updateValue(attribute.observedAt, forKey: "\(entity.id) \(attribute.name)")
        if let shown, shown > attribute.observedAt { setBacks += 1 }
      }
    }

    /// Attributes are added to what was. Whether the entity had no history yet.
    mutating func keep(_ entity: BrokerRequest.Entity) -> Bool {
      let isNew = !known.contains(entity.id)
      for attribute in entity.attributes { backlog.insert(note(attribute, of: entity)) }
      return isNew
    }

    @discardableResult
    private mutating func note(
      _ attribute: BrokerRequest.Attribute, of entity: BrokerRequest.Entity
    ) -> Observation {
      let observation = Observation(
        entity: entity.id, attribute: attribute.name, observedAt: attribute.observedAt)
      history[observation, default: 0] += 1
      known.insert(entity.id)
      if let value = attribute.value, let before = values.updateValue(value, forKey: observation),
        before != value
      {
        violations.append("\(observation) was \(before) and is \(value)")
      }
      return observation
    }
  }
}
