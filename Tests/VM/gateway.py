"""The gateway inside the machine, as its operator and its technician see it."""

import json
import time

SOCKET = "/run/gateway.sock"


class Gateway:
    """gatewayd with one configuration; `gatewayctl` says what it reads."""

    def __init__(self, machine):
        self.machine = machine
        self.pid = None

    def configure(self, buses, devices, commit="1s", every="200ms"):
        self.machine.write("/etc/gateway.yaml", json.dumps({
            "gateway": {"id": "rig"}, "store": {"capacity": "12MiB", "commit": commit},
            "defaults": {"every": every, "window": "raw"}, "buses": buses, "devices": devices, "destinations": [],
        }))

    def start(self):
        self.pid = int(self.machine.run(
            "gatewayd --config /etc/gateway.yaml --state /state --socket " + SOCKET
            + " >>/run/gatewayd.log 2>&1 & echo $!"))
        self.wait("an answer", lambda: self.machine.attempt(f"gatewayctl --socket {SOCKET} sensors --json")[0] == 0, 60)

    def end(self, signal="TERM"):
        self.machine.run(f"kill -{signal} {self.pid}; while [ -e /proc/{self.pid} ]; do usleep 20000; done")
        self.pid = None

    def reload(self):
        self.machine.run(f"gatewayctl --socket {SOCKET} reload")

    def sensors(self):
        text = self.machine.run(f"gatewayctl --socket {SOCKET} sensors --json")
        answer = json.loads(text)
        points = answer["points"] if isinstance(answer, dict) else answer
        return {point["name"]: point for point in points}

    def point(self, name):
        return self.sensors()[name]

    def value(self, name):
        return self.point(name).get("value")

    def status(self):
        return json.loads(self.machine.attempt(f"gatewayctl --socket {SOCKET} status --json")[1])

    def bus(self, name):
        return next(bus for bus in self.status()["buses"] if bus["name"] == name)

    def lines(self, chip):
        """A GPIO chip's lines, as the technician sees them."""
        return json.loads(self.machine.run(f"gatewayctl --socket {SOCKET} gpio {chip} --json"))["lines"]

    def log(self):
        return self.machine.attempt("cat /run/gatewayd.log")[1]

    def cpu(self):
        """Seconds of processor time so far; USER_HZ is 100."""
        fields = self.machine.run(f"cat /proc/{self.pid}/stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    @staticmethod
    def wait(what, condition, seconds):
        """Whether it came true, and after how many seconds."""
        start = time.monotonic()
        while True:
            value = condition()
            if value or time.monotonic() - start > seconds:
                return bool(value), time.monotonic() - start
            time.sleep(0.1)

    def becomes(self, name, seconds=10, **wanted):
        """Whether a point's reading gets these keys and values; how long that took."""
        return self.wait(name, lambda: self.has(self.point(name), wanted), seconds)

    @staticmethod
    def has(point, wanted):
        return all(point.get(key) == value for key, value in wanted.items())
