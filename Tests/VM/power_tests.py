"""Totals through a power cut: the machine is killed while pulses come, and starts again from its disk."""

import subprocess
import time

from gateway import Gateway
from machine import Machine
from simchip import SimulatedChip


class PowerTests:
    LINE = 7

    def __init__(self, directory, report):
        self.directory, self.report = directory, report
        self.disk = directory + ".img"

    def run(self):
        with open(self.disk, "wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", self.disk], check=True)
        before, at = self.count_until_the_cut()
        gateway, chip = self.boot()
        gateway.becomes("io.rain", quality="good")
        total = gateway.value("io.rain")
        seconds = self.cut - at
        check = self.report.check
        check("after a power cut a total lacks at most what a commit's second counted, and is never too high",
              before - 1100 <= total <= before + 1000 * (seconds + 0.5), f"{total}: {before} {seconds:.1f} s before the cut")
        self.report.note(f"{before} counted {seconds:.2f} s before the cut, {total} behind it")
        chip.toggle(self.LINE, 500, 500, 500)
        check("and it goes on from there", gateway.becomes("io.rain", value=total + 500, quality="good")[0],
              gateway.point("io.rain"))
        gateway.machine.stop()

    def boot(self):
        machine = Machine(self.directory, disk=self.disk)
        machine.run("mount -t ext4 /dev/vda /state")
        gateway, chip = Gateway(machine), SimulatedChip(machine, {})
        gateway.configure(
            [{"name": "io", "type": "gpio", "chip": "/dev/gpiochip0"}],
            [{"name": "io", "bus": "io", "points": [{"name": "rain", "line": self.LINE, "mode": "pulse"}]}])
        gateway.start()
        return gateway, chip

    def count_until_the_cut(self):
        """A total that was shown, and when."""
        gateway, chip = self.boot()
        gateway.machine.run(f"toggle {chip.file(self.LINE)} 20000 500 500 >/dev/null 2>&1 &")
        gateway.wait("pulses", lambda: (gateway.value("io.rain") or 0) > 4000, 60)
        at = time.monotonic()
        total = gateway.value("io.rain")
        self.cut = time.monotonic()
        gateway.machine.stop()
        return total, at
