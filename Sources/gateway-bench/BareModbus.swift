internal import CModbus
internal import GatewayCore
internal import GatewaySystem
internal import Glibc

/// A plain libmodbus loop on a serial line, as the library's manual has it: what everybody writes who does not think of
/// silence, late answers or neighbours. The one file of the benchmark that sees libmodbus.
final class BareModbus {
  private let context: OpaquePointer

  /// - Parameter recovers: with libmodbus's own remedy: after an error it sleeps for the timeout and flushes.
  init(_ link: String, baud: Int, timeout: Duration, recovers: Bool = false) throws(SystemError) {
    guard let context = modbus_new_rtu(link, Int32(baud), CChar(UInt8(ascii: "N")), 8, 1) else {
      let code = errno
      throw SystemError("cannot make a context for \"\(link)\"", code: code)
    }
    self.context = context
    let microseconds = timeout.microseconds
    modbus_set_response_timeout(
      context, UInt32(microseconds / 1_000_000), UInt32(microseconds % 1_000_000))
    if recovers {
      modbus_set_error_recovery(
        context,
        modbus_error_recovery_mode(
          MODBUS_ERROR_RECOVERY_LINK.rawValue | MODBUS_ERROR_RECOVERY_PROTOCOL.rawValue))
    }
    guard modbus_connect(context) == 0 else {
      let code = errno
      modbus_free(context)
      throw SystemError("cannot open \"\(link)\"", code: code)
    }
  }

  deinit {
    modbus_close(context)
    modbus_free(context)
  }

  /// Reads holding registers into the start of `room`; whether libmodbus is content.
  func read(unit: UInt8, at address: Int, count: Int, into room: inout [UInt16]) -> Bool {
    modbus_set_slave(context, Int32(unit))
    return modbus_read_registers(context, Int32(address), Int32(count), &room) == Int32(count)
  }
}
