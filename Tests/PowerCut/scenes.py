"""The runs of the gateway that are cut: each puts some of the store's dangerous moments close together.

Small slots (the superblock says how large they are, the daemon takes what it finds) make rotations frequent.
"""

import os
import random
import struct
import time

from device import LoggedDisk, eventually, punch
from gateway import Gateway, Platform
from recording import Expected, Recording
from writelog import WriteLog, crc32c

MIB = 1 << 20
SLOT = 64 << 10


class GatewayEnded(Exception):
    pass


class Stage:
    """A disk with a gateway on it, recorded from `start` on."""

    def __init__(self, rig, name, size=None, image=None, mounted="", **options):
        self.rig, self.name = rig, name
        self.directory = rig.directory(name)
        self.platform = Platform()
        self.base = bytes(image) if image is not None else bytes(size)
        self.disk = LoggedDisk(self.directory, size, image, mounted)
        rig.stages.append(self)
        self.start = 0
        self.options = options
        self.gateway = Gateway(rig.binaries, self.directory, self.disk, rig.field, self.platform, **options)
        self.platform.attend(self.disk)

    def make_small_slots(self, shift=0):
        """An empty store of three small slots, the head among them, with nothing else in it."""
        os.mkdir(self.disk.mounted + "/state", 0o700)
        head = struct.pack("<8sHHI", b"CGWSTOR1", 3, 3, SLOT)
        with open(self.disk.mounted + "/state/store-v1", "wb") as file:
            file.write(bytes(shift) + head + struct.pack("<I", crc32c(head)))
            file.truncate(shift + 3 * SLOT)
        os.sync()
        self.begin()

    def leave(self, room):
        """Somebody else fills the disk up to `room` bytes, which lie scattered: no slot is in one piece."""
        space, hole = os.statvfs(self.disk.mounted), 28 << 10
        with open(self.disk.mounted + "/ballast", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_bsize - hole)
            for number in range(room // hole):
                punch(file, 2 * number * hole, hole)

    def begin(self):
        """From here on cuts make sense."""
        self.start = len(WriteLog(self.disk.log).entries)

    def live(self, commits):
        eventually(f"{commits} commits", lambda: self.gateway.commits() >= commits or not self.gateway.runs(), 120)
        if not self.gateway.runs():
            raise GatewayEnded(f"gatewayd ended with {self.gateway.process.returncode}")

    def live_until(self, what, is_so):
        """Until the books say so."""
        self.live(1)
        eventually(what, lambda: is_so(self.gateway.samples[-1][2]) or not self.gateway.runs(), 120)
        self.live(1)

    def finish(self, before=None, **options):
        self.platform.attend_no_more()
        recording = Recording(self.name, self.disk, self.base, before or Expected(), self.gateway, self.platform,
                              self.start, preload=self.options.get("preload"), **options)
        recording.options = self.options
        self.close()
        return recording

    def close(self):
        if self.gateway.process and self.gateway.runs():
            self.gateway.kill()
        self.disk.close()
        self.platform.close()


def first(rig, name):
    """An empty file system, the format of the store, its first commit, an end in order, a kill, starts behind both."""
    stage = Stage(rig, name, 20 * MIB)
    stage.begin()
    gateway = stage.gateway
    gateway.start()
    stage.live(12)
    stage.platform.up = False
    stage.live(18)
    stage.platform.up = True
    stage.live(22)
    gateway.stop()
    gateway.start()
    stage.live(8)
    gateway.kill()
    gateway.start()
    stage.live(12)
    gateway.kill()
    return stage.finish()


def rotation(rig, name):
    """A rotation every half second, with an uplink that comes and goes: slots are freed by delivery."""
    stage = Stage(rig, name, 10 * MIB, every="50ms", points=50)
    stage.make_small_slots()
    dice = random.Random(f"{rig.seed} {name}")
    for life in range(2):
        stage.gateway.start()
        stage.live(1)
        for _ in range(4):
            time.sleep(dice.uniform(0.5, 1.2))
            stage.platform.up = not stage.platform.up
        (stage.gateway.kill if life else stage.gateway.stop)()
    return stage.finish()


def full(rig, name):
    """A full disk and no uplink: the oldest rows go, slot by slot; then the uplink is there again."""
    stage = Stage(rig, name, 10 * MIB, every="50ms", points=50)
    stage.platform.up = False
    stage.leave(MIB)
    stage.make_small_slots()
    stage.gateway.start()
    stage.live_until("an eviction", lambda books: books["evicted"] > 0)
    time.sleep(3)
    stage.platform.up = True
    time.sleep(1.5)
    stage.gateway.kill()
    return stage.finish(evicts=True)


def packing(rig, name):
    """A full disk, no uplink, blocks that are mostly padding: old segments are written again close together. Then the
    uplink comes and goes, which settles rows in the middle."""
    stage = small_store(rig, name, points=26, evict="thin")
    stage.platform.up = False
    stage.gateway.start()
    # On a full disk packing needs the slot that the first summary frees.
    stage.live_until("thinned rows", lambda books: books["thinned"] > 0)
    time.sleep(8)
    for _ in range(3):
        stage.platform.up = not stage.platform.up
        time.sleep(1.2)
    stage.gateway.kill()
    return stage.finish(evicts=True)


def thinning(rig, name):
    """The same with `evict: thin`: first packed, then summarised, then the summaries too; the uplink gets a part, and
    is gone again."""
    stage = small_store(rig, name, points=50, evict="thin")
    stage.platform.up = False
    stage.gateway.start()
    stage.live_until("thinned rows", lambda books: books["thinned"] > 0)
    time.sleep(4)
    for pause in (1, 2):
        stage.platform.up = not stage.platform.up
        time.sleep(pause)
    stage.gateway.kill()
    return stage.finish(evicts=True)


def small_store(rig, name, **options):
    """Eight slots or so, because somebody else has the rest of the disk."""
    stage = Stage(rig, name, 10 * MIB, every="50ms", **options)
    stage.leave(640 << 10)
    stage.make_small_slots()
    return stage


def steady(rig, name):
    """Slots as they are in the street, 100 rows a commit."""
    stage = Stage(rig, name, 20 * MIB)
    stage.gateway.start()
    stage.live(10)
    stage.begin()
    stage.live(160)
    stage.gateway.kill()
    return stage.finish()


def restart(rig, name, image, before, evicts, options):
    """A start on what a cut has left, with the same configuration: ext4's recovery and the store's are what is cut
    next."""
    stage = Stage(rig, name, image=image, **options)
    stage.gateway.start()
    stage.live(random.Random(f"{rig.seed} {name}").choice([1, 3, 8]))
    stage.gateway.kill()
    return stage.finish(before, evicts=evicts)
