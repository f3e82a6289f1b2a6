"""A Modbus RTU device at the far end of a USB adapter: the other side of QEMU's character device."""

import socket
import threading
import time


def crc(frame):
    """Modbus over Serial Line 1.02, section 6.2.2."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


class Slave(threading.Thread):
    """Unit 1: each of its input registers holds the `marker`, so that a reading tells whose line it came over."""

    def __init__(self, path, marker):
        super().__init__(daemon=True)
        self.marker = marker
        self.answered = 0
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def run(self):
        received, last = b"", 0.0
        while True:
            bytes = self.socket.recv(256)
            if not bytes:
                return
            # The start of a request that was cut off by an unplugging is forgotten.
            if time.monotonic() - last > 0.5:
                received = b""
            last = time.monotonic()
            received += bytes
            while len(received) >= 8:
                request, received = received[:8], received[8:]
                if crc(request[:6]) == request[6:]:
                    self.answer(request)
                else:
                    received = b""

    def answer(self, request):
        if request[0] != 1 or request[1] != 4:
            return
        count = int.from_bytes(request[4:6], "big")
        frame = bytes([1, 4, 2 * count]) + self.marker.to_bytes(2, "big") * count
        self.answered += 1
        self.socket.sendall(frame + crc(frame))
