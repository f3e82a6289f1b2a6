"""The kernel's simulated GPIO chip, set up over configfs (Documentation/admin-guide/gpio/gpio-sim.rst)."""

CONFIG = "/sys/kernel/config/gpio-sim/cabinet"


class SimulatedChip:
    def __init__(self, machine, names, lines=16):
        """`names`: of some lines, by their offsets."""
        self.machine = machine
        script = f"mkdir -p {CONFIG}/bank0 && echo {lines} > {CONFIG}/bank0/num_lines"
        for offset, name in names.items():
            script += f" && mkdir {CONFIG}/bank0/line{offset} && echo {name} > {CONFIG}/bank0/line{offset}/name"
        machine.run(script)
        self.appear()

    def appear(self):
        self.machine.run(f"echo 1 > {CONFIG}/live")
        device = self.machine.run(f"cat {CONFIG}/dev_name")
        self.chip = self.machine.run(f"cat {CONFIG}/bank0/chip_name")
        self.directory = f"/sys/devices/platform/{device}/{self.chip}"

    def vanish(self):
        self.machine.run(f"echo 0 > {CONFIG}/live")

    def file(self, line):
        return f"{self.directory}/sim_gpio{line}/pull"

    def pull(self, line, up):
        self.machine.run(f"echo pull-{'up' if up else 'down'} > {self.file(line)}")

    def toggle(self, line, pulses, high, low, timeout=120):
        """Makes pulses; returns their number, the seconds they took, and the wall clock of the first and last edge."""
        words = self.machine.run(f"toggle {self.file(line)} {pulses} {high} {low}", timeout).split()
        return int(words[0]), int(words[1]) / 1e6, int(words[2]) / 1e6, int(words[3]) / 1e6
