"""USB serial adapters that come and go, with a Modbus device behind each."""

import os
import time

from gateway import Gateway
from slave import Slave

MARKERS = {"left": 1111, "right": 2222}
PORTS = {"left": 1, "right": 2}
# An adapter's own number, by which udev names it in by-id.
SERIALS = {"left": "A100", "right": "B200"}


class USBTests:
    def __init__(self, machine, report):
        self.machine, self.report = machine, report
        self.gateway = Gateway(machine)
        self.foreign = []

    def run(self):
        for name, marker in MARKERS.items():
            Slave(self.machine.path(name), marker).start()
            self.plug(name)
        found, _ = Gateway.wait("links", lambda: len(self.links("by-path")) == 2, 20)
        self.report.check("udev names both adapters by their place", found, self.links("by-path"))
        paths = {name: f"/dev/serial/by-path/pci-0000:00:03.0-usb-0:{port}:1.0-port0" for name, port in PORTS.items()}
        self.configure(paths)
        self.gateway.start()
        section = self.report.section
        section("two adapters", self.both)
        section("an adapter that is unplugged", self.unplugged)
        section("another number", self.renumbered)
        section("numbers that are swapped", self.swapped_numbers)
        section("adapters in each other's sockets, named by-id", self.swapped_sockets)
        section("many replugs", self.replugs)
        self.report.check("no bus ever read another adapter's device", not self.foreign, self.foreign[:5])
        self.gateway.end()

    def configure(self, paths):
        buses = [{"name": name, "type": "modbus-rtu", "device": path, "baud": 19200, "timeout": "500ms"}
                 for name, path in paths.items()]
        points = [{"name": "marker", "at": "input 0", "type": "uint16"}]
        self.gateway.configure(buses, [{"name": name, "bus": name, "unit": 1, "points": points} for name in paths])

    def plug(self, name, port=None):
        self.machine.plug(name, port or PORTS[name], SERIALS[name])

    def links(self, directory):
        listing = self.machine.attempt(f"ls -l /dev/serial/{directory}")[1]
        return {line.split()[-3]: line.split()[-1].rsplit("/", 1)[1] for line in listing.splitlines() if "->" in line}

    def reads(self, name, seconds=15):
        """Whether the bus reads its own device, and after how long; what it reads meanwhile is looked at, too."""
        return Gateway.wait(name, lambda: self.look(name), seconds)

    def look(self, name):
        points = self.gateway.sensors()
        for other in MARKERS:
            point = points[other + ".marker"]
            if point.get("value") not in (None, MARKERS[other]):
                self.foreign.append(point)
        return points[name + ".marker"].get("value") == MARKERS[name]

    def fails(self, name):
        return Gateway.wait(name, lambda: Gateway.has(
            self.gateway.point(name + ".marker"), {"quality": "bad", "reason": "disconnected"}), 10)

    def both(self):
        for name in MARKERS:
            self.report.check(f"the {name} bus reads its device", self.reads(name)[0], self.gateway.log())

    def unplugged(self):
        check = self.report.check
        self.machine.unplug("left")
        gone, took = self.fails("left")
        check("an unplugged adapter is disconnected readings within 5 s", gone and took < 5, took)
        check("the other bus goes on", self.look("right"))
        before, start = self.gateway.cpu(), time.monotonic()
        time.sleep(3)
        share = (self.gateway.cpu() - before) / (time.monotonic() - start)
        check("nothing spins meanwhile", share < 0.3, share)
        check("status says so", self.gateway.bus("left")["state"] != "ok", self.gateway.bus("left"))
        self.plug("left")
        back, took = self.reads("left")
        check("and it is back within 5 s of its return", back and took < 5, f"{took} s; {self.gateway.bus('left')}")
        self.report.note(f"back after {took:.1f} s")

    def renumbered(self):
        number = self.links("by-path")[f"pci-0000:00:03.0-usb-0:{PORTS['left']}:1.0-port0"]
        holder = self.machine.run(f"sleep 1000 </dev/{number} >/dev/null 2>&1 & echo $!")
        self.machine.unplug("left")
        gone, _ = self.fails("left")
        self.plug("left")
        back, took = self.reads("left")
        after = self.links("by-path")[f"pci-0000:00:03.0-usb-0:{PORTS['left']}:1.0-port0"]
        self.machine.run(f"kill {holder}")
        self.report.check(f"an adapter that left as one number and came back as another is read within 5 s",
                          gone and back and took < 5 and number != after, (number, after, took))
        self.report.note(f"{number} came back as {after}, read after {took:.1f} s")

    def swapped_numbers(self):
        before = self.links("by-path")
        for name in MARKERS:
            self.machine.unplug(name)
        gone = all(self.fails(name)[0] for name in MARKERS)
        order = sorted(MARKERS, key=lambda name: self.number(before, name), reverse=True)
        for name in order:
            self.plug(name)
            Gateway.wait(name, lambda: self.number(self.links("by-path"), name), 10)
        back = [self.reads(name) for name in MARKERS]
        after = self.links("by-path")
        is_swapped = self.number(after, order[0]) < self.number(after, order[1])
        self.report.check("two adapters that came back in the other order: each bus reads its own device",
                          gone and is_swapped and all(found and took < 5 for found, took in back), (before, after, back))
        self.report.note(f"{before} became {after}")

    @staticmethod
    def number(links, name):
        return links.get(f"pci-0000:00:03.0-usb-0:{PORTS[name]}:1.0-port0")

    def swapped_sockets(self):
        links = self.links("by-id")
        paths = {name: next(("/dev/serial/by-id/" + link for link in links if serial in link), None)
                 for name, serial in SERIALS.items()}
        self.report.check("udev names both adapters by their own numbers", None not in paths.values(), links)
        self.configure(paths)
        self.gateway.reload()
        both = all(self.reads(name)[0] for name in MARKERS)
        for name in MARKERS:
            self.machine.unplug(name)
        gone = all(self.fails(name)[0] for name in MARKERS)
        self.plug("left", PORTS["right"])
        self.plug("right", PORTS["left"])
        back = [self.reads(name) for name in MARKERS]
        self.report.check("each bus follows its adapter into the other socket",
                          both and gone and all(found and took < 5 for found, took in back), (both, gone, back))

    def replugs(self):
        count = int(os.environ.get("VM_REPLUGS", "10"))
        recovered, slowest = 0, 0.0
        for round in range(count):
            name = "left" if round % 2 == 0 else "right"
            other = "right" if name == "left" else "left"
            self.machine.unplug(name)
            gone, _ = self.fails(name)
            self.plug(name, PORTS[other])
            back, took = self.reads(name)
            slowest = max(slowest, took)
            recovered += gone and back and took < 5
        self.report.check(f"{count} replugs of {count} are recovered within 5 s", recovered == count, recovered)
        self.report.note(f"{recovered} of {count}, at most {slowest:.1f} s after the return")
