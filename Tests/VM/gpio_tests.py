"""GPIO through gatewayd and gatewayctl, on the kernel's simulated chip."""

import calendar
import time

from gateway import Gateway
from simchip import SimulatedChip

# Which line each point has.
LINES = {
    "door": 0, "window": 1, "up": 2, "down": 3, "low": 4, "edges": 5, "falling": 6, "rain": 7, "energy": 8,
    "bouncing": 9, "spare": 10, "busy": 14, "chatter": 15,
}


def seconds(timestamp):
    """2026-11-22T21:00:00.123Z as seconds since 1970."""
    whole, fraction = timestamp.rstrip("Z").split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + fraction)


def points():
    keys = {
        "door": {"debounce": "100ms"}, "window": {"active": "low"}, "up": {"bias": "pull-up"},
        "down": {"bias": "pull-down"}, "low": {"bias": "pull-down", "active": "low"},
        "edges": {"mode": "edge", "debounce": "500ms"}, "falling": {"mode": "edge", "edge": "falling"},
        "rain": {"mode": "pulse", "scale": 0.2, "unit": "MMT"},
        "energy": {"mode": "pulse", "edge": "both"},
        "bouncing": {"mode": "pulse", "debounce": "10ms"}, "busy": {}, "chatter": {},
    }
    return [{"name": name, "line": LINES[name], **extra} for name, extra in keys.items()]


class GPIOTests:
    def __init__(self, machine, report):
        self.machine, self.report = machine, report
        self.gateway = Gateway(machine)

    def run(self):
        names = {0: "door-contact", 10: "spare"}
        self.chip = SimulatedChip(self.machine, names)
        section = self.report.section
        for tool in ["cgpio", "cgpio2"]:
            section(f"the shim by itself: {tool}", self.shim, tool)
        self.gateway.configure(
            [{"name": "io", "type": "gpio", "chip": "/dev/gpiochip0"}],
            [{"name": "io", "bus": "io", "points": points()}])
        self.chip.pull(LINES["down"], True)
        self.chip.pull(LINES["low"], True)
        self.gateway.start()
        section("levels", self.levels)
        section("edges", self.edges)
        section("pulses", self.pulses)
        section("totals over restarts", self.restarts)
        section("a busy line", self.busy)
        section("a chip that vanishes", self.vanishing)
        section("an event storm", self.storm)
        self.gateway.end()

    def shim(self, tool):
        code, output = self.machine.attempt(f"{tool} /dev/gpiochip0 {self.chip.directory}")
        if code == 127:
            return self.report.note("SKIPPED: not built; LIBGPIOD2 names its sources")
        for line in output.splitlines():
            word, _, what = line.partition(" ")
            if word in ("ok", "not"):
                self.report.check(f"{tool}: " + what.removeprefix("ok "), word == "ok")
            else:
                self.report.note(line)

    def levels(self):
        check, gateway = self.report.check, self.gateway
        check("a level that holds is read", gateway.becomes("io.door", value=0, quality="good")[0], gateway.log())
        check("pulled up by us, a line is active", gateway.value("io.up") == 1)
        check("pulled down by us, it is inactive", gateway.value("io.down") == 0)
        check("pulled down by us and active low, it is active", gateway.value("io.low") == 1)
        check("active low without bias: low is active", gateway.value("io.window") == 1)
        self.chip.pull(LINES["window"], True)
        check("and high is inactive", gateway.becomes("io.window", value=0)[0])
        self.chip.toggle(LINES["door"], 20, 20_000, 20_000)
        check("a contact that bounces for 0.8 s, never as long as its hold, is nothing", gateway.value("io.door") == 0)
        self.chip.pull(LINES["door"], True)
        check("a level that holds is believed", gateway.becomes("io.door", value=1)[0])
        self.chip.pull(LINES["spare"], False)
        lines = gateway.lines("io")
        door, spare = lines[LINES["door"]], lines[LINES["spare"]]
        check("gatewayctl gpio names lines, holders, points and levels",
              door["name"] == "door-contact" and door["holder"] == "gatewayd" and door["point"] == "io.door"
              and not spare["held"] and spare["level"] is False, (door, spare))
        status = gateway.bus("io")
        check("the bus is well", status["state"] == "ok" and status["errors"] == 0, status)

    def edges(self):
        check, gateway = self.report.check, self.gateway
        self.chip.toggle(LINES["edges"], 5, 10_000, 10_000)
        before = gateway.point("io.edges")
        check("a debounced edge waits for its hold", before.get("value") is None or before["time"] is None, before)
        self.chip.pull(LINES["edges"], True)
        edge = self.now()
        found, _ = gateway.becomes("io.edges", value=1)
        point = gateway.point("io.edges")
        check("and is a reading then", found, point)
        lag = edge - seconds(point["time"])
        check("with the time of the edge, not of the hold's end 0.5 s later", -0.05 < lag < 0.3, f"{lag} s after the edge")
        _, _, _, last = self.chip.toggle(LINES["falling"], 1, 300_000, 0)
        check("a falling edge is 0", gateway.becomes("io.falling", value=0)[0], gateway.point("io.falling"))
        off = seconds(gateway.point("io.falling")["time"]) - last
        check("with the kernel's time of it", abs(off) < 0.02, f"{off} s beside it")
        self.report.note(f"the falling edge's time is {off * 1000:.1f} ms beside the writer's own")

    def now(self):
        """The machine's clock, from a pulse on a line that nobody reads."""
        return self.chip.toggle(LINES["spare"], 1, 0, 0)[2]

    def pulses(self):
        check, gateway = self.report.check, self.gateway
        made, took, _, _ = self.chip.toggle(LINES["rain"], 10_000, 500, 500)
        self.report.note(f"{made} pulses in {took:.3f} s: {made / took:.0f} a second")
        check("10,000 pulses at 1 kHz are 10,000", gateway.becomes("io.rain", value=2000, quality="good")[0],
              gateway.point("io.rain"))
        self.chip.toggle(LINES["energy"], 1000, 1000, 1000)
        check("both edges of 1000 pulses are 2000", gateway.becomes("io.energy", value=2000, quality="good")[0],
              gateway.point("io.energy"))
        for _ in range(10):
            # 4 ms of bouncing, 30 ms closed, 4 ms of bouncing, 30 ms open: one pulse.
            file = self.chip.file(LINES["bouncing"])
            self.machine.run(
                f"toggle {file} 2 1000 1000; echo pull-up > {file}; usleep 30000; echo pull-down > {file};"
                f"toggle {file} 2 1000 1000; usleep 30000")
        check("ten pulses that bounce are ten", gateway.becomes("io.bouncing", value=10)[0],
              gateway.point("io.bouncing"))
        check("and no error was counted", gateway.bus("io")["errors"] == 0, gateway.bus("io"))

    def total(self):
        return round(self.gateway.value("io.rain") / 0.2)

    def restarts(self):
        check, gateway = self.report.check, self.gateway
        before = self.total()
        self.chip.toggle(LINES["rain"], 777, 500, 500)
        gateway.end("TERM")
        gateway.start()
        gateway.becomes("io.rain", quality="good")
        check("a total is exact after SIGTERM", self.total() == before + 777, f"{self.total()}, not {before + 777}")
        before = self.total()
        self.chip.toggle(LINES["rain"], 3000, 500, 500)
        gateway.end("KILL")
        gateway.start()
        gateway.becomes("io.rain", quality="good")
        lost = before + 3000 - self.total()
        check("after SIGKILL it lacks at most what a commit's second counted, and is never too high",
              0 <= lost <= 1100, f"{lost} of 3000 lost")
        self.report.note(f"{lost} of 3000 pulses at 1 kHz were lost by a SIGKILL right behind them")
        before = self.total()
        file = self.chip.file(LINES["rain"])
        driver = self.machine.run(f"toggle {file} 500 10000 10000 >/dev/null 2>&1 & echo $!")
        reloads = 0
        while self.machine.attempt(f"kill -0 {driver}")[0] == 0:
            gateway.reload()
            reloads += 1
        found, _ = gateway.becomes("io.rain", value=round((before + 500) * 0.2, 1))
        check("no pulse of 50 a second is lost by reloads", found and reloads >= 3,
              f"{self.total() - before} of 500 over {reloads} reloads: {gateway.log()}")
        self.report.note(f"{reloads} reloads meanwhile")

    def busy(self):
        check, gateway = self.report.check, self.gateway
        gateway.end()
        holder = self.machine.run(f"hold /dev/gpiochip0 {LINES['busy']} >/dev/null 2>&1 & echo $!")
        gateway.start()
        check("a line that another program holds is a bad reading with that reason",
              gateway.becomes("io.busy", quality="bad", reason="line-busy")[0], gateway.point("io.busy"))
        check("the other lines are read", gateway.becomes("io.door", value=1, quality="good")[0])
        bus = gateway.bus("io")
        check("the bus says who holds it", bus["state"] == "ok" and "holder" in bus["lastError"], bus)
        self.machine.run(f"kill {holder}")
        found, took = gateway.becomes("io.busy", quality="good")
        check("and the line is read once it is free", found)
        self.report.note(f"{took:.1f} s after it was let go")

    def vanishing(self):
        check, gateway = self.report.check, self.gateway
        before, slowest = self.total(), 0
        for _ in range(5):
            self.chip.vanish()
            gone, _ = gateway.becomes("io.door", quality="bad", reason="disconnected")
            said = gateway.bus("io")["state"] != "ok"
            pulses = gateway.point("io.rain")
            self.chip.appear()
            self.chip.pull(LINES["door"], True)
            back, took = gateway.becomes("io.door", value=1, quality="good")
            slowest = max(slowest, took)
            if not (gone and said and back and pulses["quality"] == "bad"):
                break
        check("a chip that vanishes is disconnected readings, five times", gone and said and pulses["quality"] == "bad",
              gateway.log())
        check("and is back each time", back, gateway.log() + self.machine.attempt("ls -l /dev/gpiochip*")[1])
        self.report.note("it comes back as " + self.machine.run("ls /dev/gpiochip*"))
        self.report.note(f"at most {slowest:.1f} s after its return")
        self.chip.toggle(LINES["rain"], 500, 500, 500)
        check("its totals went on", gateway.becomes("io.rain", value=round((before + 500) * 0.2, 1))[0],
              gateway.point("io.rain"))

    def storm(self):
        check, gateway = self.report.check, self.gateway
        check("a quiet line is good", gateway.becomes("io.chatter", value=0, quality="good")[0])
        file = self.chip.file(LINES["chatter"])
        before, start = gateway.cpu(), time.monotonic()
        noise = self.machine.run(f"(while :; do toggle {file} 2000 0 0 >/dev/null; done) >/dev/null 2>&1 & echo $!")
        found, _ = gateway.becomes("io.chatter", quality="bad", reason="event-storm", seconds=20)
        check("a line that chatters is a bad reading with that reason", found, gateway.point("io.chatter"))
        self.chip.pull(LINES["window"], False)
        check("the others are read meanwhile", gateway.becomes("io.window", value=1, quality="good", seconds=20)[0])
        total = gateway.value("io.energy")
        self.chip.toggle(LINES["energy"], 500, 1000, 1000)
        found, _ = gateway.becomes("io.energy", value=total + 1000, seconds=20)
        check("and count", found, f"{total} before: {gateway.point('io.energy')}")
        share = (gateway.cpu() - before) / (time.monotonic() - start)
        self.machine.run(
            f"kill {noise}; killall toggle; while pidof toggle; do usleep 10000; done; echo pull-up > {file}")
        self.report.note(f"gatewayd took {share * 100:.0f} % of the processor meanwhile, gatewayctl's questions included")
        check("it does not spin", share < 0.5, share)
        found, took = gateway.becomes("io.chatter", value=1, quality="good", seconds=20)
        check("when it is over, the level is right again", found, gateway.point("io.chatter"))
        check("and it was counted", gateway.bus("io")["errors"] > 0, gateway.bus("io"))
