/// One line of a GPIO chip and what is read from it.
package struct GPIOLine: Equatable, Sendable {
  package enum Mode: Equatable, BitwiseCopyable, Sendable {
    /// The level, at each period and whenever it changes.
    case level
    /// Each edge, with the kernel's time.
    case edge
    /// A count of edges that goes on over restarts.
    case pulse
  }

  /// After `isActiveLow` was applied: a rising edge is one from inactive to active.
  package enum Edge: Equatable, BitwiseCopyable, Sendable { case rising, falling, both }

  package enum Bias: Equatable, Sendable {
    /// As the board or another program left it.
    case asIs
    case disabled, pullUp, pullDown
  }

  /// The line's number on its chip.
  package var offset: UInt32
  package var mode: Mode
  package var edge: Edge
  package var isActiveLow: Bool
  package var bias: Bias
  /// How long a level must hold to count; zero takes every change.
  package var debounce: Duration
  /// For `pulse`: value = total · scale + offset.
  package var scale: LinearScale

  package init(
    offset: UInt32, mode: Mode = .level, edge: Edge = .both, isActiveLow: Bool = false, bias: Bias = .asIs,
    debounce: Duration = .zero, scale: LinearScale = .identity
  ) {
    self.offset = offset
    self.mode = mode
    self.edge = edge
    self.isActiveLow = isActiveLow
    self.bias = bias
    self.debounce = debounce
    self.scale = scale
  }
}
