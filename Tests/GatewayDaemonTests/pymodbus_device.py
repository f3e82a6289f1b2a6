"""A Modbus device that is none of ours: pymodbus encodes the values, frames the answers and keeps the time.

usage: pymodbus_device.py tcp | rtu-tcp | rtu

Serves unit 1 and prints where: an address, or the path of a serial port. Ends with the process that started it.
PymodbusTests has the values a second time. Addresses between them do not exist: pymodbus answers exception 2.
"""

import asyncio
import os
import socket
import sys
import threading
import tty

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

INPUT = [
    (0, DataType.INT16, -123),
    (1, DataType.UINT16, 65413),
    (2, DataType.INT32, -2),
    (4, DataType.UINT32, 2_147_483_649),
    (10, DataType.INT64, -(2**63)),
    (14, DataType.UINT64, 2**64 - 1),
    (20, DataType.FLOAT32, 21.5),
    (22, DataType.FLOAT64, 3.6),
    # 1 2 3 4 as decimal digits, and one register of bits.
    (30, DataType.REGISTERS, [0x1234, 0x0A58]),
]
HOLDING = [
    (0, DataType.UINT16, 7),
    (100, DataType.REGISTERS, list(range(1000, 1125))),
]
COILS = [(3, DataType.BITS, [True, False, True])]
DISCRETE = [(9, DataType.BITS, [False, True])]


def device():
    def blocks(table):
        return [SimData(address, values=values, datatype=kind) for address, kind, values in table]

    return SimDevice(1, simdata=tuple(blocks(table) for table in (COILS, DISCRETE, HOLDING, INPUT)))


def null_modem():
    """Two serial ports with a wire between them: (pymodbus's, the gateway's)."""
    ends = [os.openpty() for _ in range(2)]
    for _, far in ends:
        tty.setraw(far)

    def copy(source, target):
        while True:
            os.write(target, os.read(source, 4096))

    (one, far), (other, farther) = ends
    for pair in ((one, other), (other, one)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
    return os.ttyname(far), os.ttyname(farther)


async def main(kind):
    parent = os.getppid()
    if kind == "rtu":
        port, place = null_modem()
        server = ModbusSerialServer(device(), framer=FramerType.RTU, port=port, baudrate=19200)
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = free.getsockname()
        framer = FramerType.SOCKET if kind == "tcp" else FramerType.RTU
        server = ModbusTcpServer(device(), framer=framer, address=address)
        place = f"{address[0]}:{address[1]}"
    await server.serve_forever(background=True)
    print(place, flush=True)
    while os.getppid() == parent:
        await asyncio.sleep(0.5)


asyncio.run(main(sys.argv[1]))
