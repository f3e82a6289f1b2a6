/// What a device is to an NGSI-LD platform: an entity of a Smart Data Model, or a part of one.
package struct EntityConfig: Equatable, Sendable {
  /// A URI.
  package var id: String
  /// A name of `SmartModel.all`.
  package var type: String
  package var location: Location?
  /// Attributes that never change, each as whole JSON: `"status":{"type":"Property","value":"ok"}`.
  package var fixed: [String]
  package var attributes: [EntityAttribute]

  package init(
    id: String, type: String, location: Location? = nil, fixed: [String] = [],
    attributes: [EntityAttribute] = []
  ) {
    self.id = id
    self.type = type
    self.location = location
    self.fixed = fixed
    self.attributes = attributes
  }
}

/// A point as an attribute of its device's entity.
package struct EntityAttribute: Equatable, Sendable {
  /// `device.point`
  package var point: String
  /// A name of the model.
  package var name: String
  /// `L1` of an attribute that is an object.
  package var part: String?
  package var statistic: Statistic
  /// What a number means where the model wants a word: 0 is `off`.
  package var words: [Int64: String]

  package init(
    point: String, name: String, part: String? = nil, statistic: Statistic = .mean,
    words: [Int64: String] = [:]
  ) {
    self.point = point
    self.name = name
    self.part = part
    self.statistic = statistic
    self.words = words
  }
}

/// The options of `format: ngsi-ld`.
package struct NGSIConfig: Equatable, Sendable {
  /// Where the meaning of the names stands (ETSI GS CIM 009, 6.3.5): in each entity, or in one Link header.
  package enum Context: Equatable, Sendable {
    case body
    case link
  }

  /// Where the rows of a backlog go.
  package enum History: Equatable, Sendable {
    /// After one another through the batch upsert, like all others.
    case upsert
    /// To the temporal API (ETSI GS CIM 009, 5.6.11 and 6.18), where they change nothing of the present.
    case temporal
  }

  /// `NGSILD-Tenant`; nil: none is named.
  package var tenant: String?
  package var context: Context
  /// In place of the models' own.
  package var contextURL: String?
  package var history: History
  package var entities: [EntityConfig]

  package init(
    tenant: String? = nil, context: Context = .body, contextURL: String? = nil, history: History = .upsert,
    entities: [EntityConfig] = []
  ) {
    self.tenant = tenant
    self.context = context
    self.contextURL = contextURL
    self.history = history
    self.entities = entities
  }

  package func contextURL(of entity: EntityConfig) -> String {
    contextURL ?? SmartModel.named(entity.type)?.contextURL ?? ""
  }
}
