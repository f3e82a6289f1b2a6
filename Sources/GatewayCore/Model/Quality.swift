/// How far a number may be trusted (OPC UA's three classes).
package enum Quality: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  case good, uncertain, bad

  package var word: StaticString {
    switch self {
    case .good: "good"
    case .uncertain: "uncertain"
    case .bad: "bad"
    }
  }
}

/// Why a number is not good. The raw values are stored on disk: never renumber, only append.
package enum QualityReason: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  case none = 0
  /// The device did not answer within the bus's timeout.
  case timeout = 1
  /// The bus could not be opened, or broke while in use.
  case disconnected = 2
  /// An answer came that breaks the protocol, or belongs to another request.
  case badAnswer = 3
  /// The device's breaker is open: it was not asked this time.
  case breakerOpen = 4
  /// The number is NaN, infinite, or digits that are not BCD.
  case notANumber = 5
  /// A window in which some of the readings were bad.
  case someBad = 6
  /// Modbus exceptions (Modbus Application Protocol 1.1b3, section 7).
  case illegalFunction = 17
  case illegalAddress = 18
  case illegalValue = 19
  case deviceFailure = 20
  case acknowledge = 21
  case deviceBusy = 22
  case negativeAcknowledge = 23
  case memoryParity = 24
  case gatewayPath = 26
  case gatewayTarget = 27
  /// An exception code that the specification does not define.
  case unknownException = 28
  /// A frame of a serial line that lacks the point's field.
  case missingField = 32
  /// The device itself says that what it sends is not to be trusted.
  case markedInvalid = 33
  /// Another program holds the GPIO line.
  case lineBusy = 40
  /// The GPIO chip has no such line, or cannot do with it what the point asks.
  case lineRefused = 41
  /// The line changed more often than anything that is meant to be read; its changes were left out.
  case eventStorm = 42
  /// More edges came than could be taken: the total is too low.
  case edgesLost = 43
  /// What earlier runs counted is not known while the disk is away: the total is too low.
  case totalIncomplete = 44
  // What the tests of `qc:` found (QARTOD, Manual for Real-Time Quality Control).
  /// Outside what the sensor can measure.
  case outOfRange = 64
  /// Outside what is expected here.
  case suspectRange = 65
  /// It changed faster than what is measured can.
  case rateOfChange = 66
  /// It stands out from the readings before and behind it.
  case spike = 67
  /// It has hardly moved for long.
  case flatLine = 68
  /// It varies less than it should.
  case attenuated = 69
  /// The meter went back: it was reset, and what it counted since the last reading is not all known.
  case counterReset = 72
  /// The meter jumped by more than it can count: it was replaced.
  case meterReplaced = 73
  /// Longer without a reading than it takes the meter to wrap: it may have wrapped more than once.
  case counterGap = 74
  /// An input of the formula is missing or bad.
  case badInput = 80

  /// Takes the exception code of a Modbus answer.
  package init(modbusException code: UInt8) {
    self =
      code >= 1 && code <= 11 ? QualityReason(rawValue: 16 + code) ?? .unknownException : .unknownException
  }

  package var word: StaticString {
    switch self {
    case .none: "none"
    case .timeout: "timeout"
    case .disconnected: "disconnected"
    case .badAnswer: "bad-answer"
    case .breakerOpen: "breaker-open"
    case .notANumber: "not-a-number"
    case .someBad: "some-bad"
    case .illegalFunction: "illegal-function"
    case .illegalAddress: "illegal-address"
    case .illegalValue: "illegal-value"
    case .deviceFailure: "device-failure"
    case .acknowledge: "acknowledge"
    case .deviceBusy: "device-busy"
    case .negativeAcknowledge: "negative-acknowledge"
    case .memoryParity: "memory-parity"
    case .gatewayPath: "gateway-path"
    case .gatewayTarget: "gateway-target"
    case .unknownException: "unknown-exception"
    case .missingField: "missing-field"
    case .markedInvalid: "marked-invalid"
    case .lineBusy: "line-busy"
    case .lineRefused: "line-refused"
    case .eventStorm: "event-storm"
    case .edgesLost: "edges-lost"
    case .totalIncomplete: "total-incomplete"
    case .outOfRange: "out-of-range"
    case .suspectRange: "suspect-range"
    case .rateOfChange: "rate-of-change"
    case .spike: "spike"
    case .flatLine: "flat-line"
    case .attenuated: "attenuated"
    case .counterReset: "counter-reset"
    case .meterReplaced: "meter-replaced"
    case .counterGap: "counter-gap"
    case .badInput: "bad-input"
    }
  }
}

/// How far a timestamp may be trusted. Stored on disk: never renumber.
package enum TimeQuality: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  case synced = 0
  case unsynced = 1
  /// Bounded by what came before and after a boot that never knew the time.
  case estimated = 2

  package var word: StaticString {
    switch self {
    case .synced: "synced"
    case .unsynced: "unsynced"
    case .estimated: "estimated"
    }
  }
}
