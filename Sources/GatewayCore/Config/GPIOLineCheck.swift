/// What a point on a GPIO chip may say.
struct GPIOLineCheck {
  let log: ProblemLog

  func line(_ keys: inout MappingReader) -> GPIOLine {
    // The kernel's own numbers; no chip has more.
    var line = GPIOLine(offset: UInt32(keys.require("line", .integer(0...1023)) ?? 0))
    line.mode =
      keys.optional(
        "mode",
        .word(
          [("level", .level), ("edge", .edge), ("pulse", .pulse)],
          synonyms: ["counter": "pulse", "count": "pulse", "event": "edge", "input": "level"])) ?? .level
    line.isActiveLow = keys.optional("active", .word([("high", false), ("low", true)])) ?? false
    line.bias =
      keys.optional(
        "bias",
        .word(
          [
            ("as-is", .asIs), ("disabled", .disabled), ("pull-up", .pullUp), ("pull-down", .pullDown),
          ], synonyms: ["none": "disabled", "up": "pull-up", "down": "pull-down"])) ?? .asIs
    line.debounce = keys.optional("debounce", .duration("0s", "10s")) ?? .zero
    line.edge = edge(&keys, line.mode)
    line.scale = scale(&keys, line.mode)
    return line
  }

  private func edge(_ keys: inout MappingReader, _ mode: GPIOLine.Mode) -> GPIOLine.Edge {
    if mode == .level {
      keys.refuse("edge", "\"edge\" is for the modes edge and pulse; a level is read on both edges")
      return .both
    }
    let form = ScalarForm<GPIOLine.Edge>.word([
      ("rising", .rising), ("falling", .falling), ("both", .both),
    ])
    return keys.optional("edge", form) ?? (mode == .pulse ? .rising : .both)
  }

  private func scale(_ keys: inout MappingReader, _ mode: GPIOLine.Mode) -> LinearScale {
    guard mode != .pulse else { return keys.scale() }
    for key in ["scale", "offset"] {
      keys.refuse(key, "\(quoted(key)) is for the mode pulse; a level or an edge is 1 or 0")
    }
    return .identity
  }
}

extension MappingReader {
  /// `scale` and `offset`.
  mutating func scale() -> LinearScale {
    let nonZero = ScalarForm<DecimalText>.decimal().map("a number other than 0") { $0.value == 0 ? nil : $0 }
    guard let one = DecimalText("1"), let zero = DecimalText("0") else { return .identity }
    let scale = optional("scale", nonZero) ?? one
    return LinearScale(scale: scale, offset: optional("offset", .decimal()) ?? zero)
  }
}
