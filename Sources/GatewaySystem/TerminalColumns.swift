internal import CSystem

/// The width of the terminal at descriptor `number`; nil when there is no terminal, or it does not say.
package func terminalColumns(_ number: Int32) -> Int? {
  let columns = gateway_terminal_columns(number)
  return columns > 0 ? Int(columns) : nil
}
