"""Records, cuts, counts. One Rig per worker: nothing is shared between them."""

import os
import random
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import figures
import scenes
import teeth
from audit import Audit, losses
from cut import MODELS, candidates, draw_cut, write_in_flight
from device import CutDisk
from gateway import Field

HERE = os.path.dirname(os.path.abspath(__file__))
#: The writes of a start behind a cut are cut, and the start behind that cut is too, and so on: this often.
DEPTH = 6
#: Cuts of one restart.
CUTS_PER_RESTART = 80
#: What one round of recordings is good for.
CUTS_PER_ROUND = 5000
#: Pictures of failed cuts that are kept.
KEPT = 10


class Rig:
    def __init__(self, binaries, seed, failures):
        self.binaries, self.seed, self.failures = binaries, seed, failures
        # In memory where there is some: the cuts are simulated, the bytes need not survive a real one.
        self.root = tempfile.mkdtemp(prefix="power-cut-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        self.field = Field(binaries, self.root)
        self.stages, self.disks, self.audits = [], {}, {}
        self.counts, self.complaints = Counter(), []
        #: Seconds.
        self.cutting = 0

    def directory(self, name):
        path = f"{self.root}/{name}"
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def shim(self, what):
        """The environment that takes one of the store's promises away."""
        library = self.root + "/shim.so"
        if not os.path.exists(library):
            subprocess.run(["cc", "-O2", "-shared", "-fPIC", HERE + "/shim.c", "-o", library, "-ldl"], check=True)
        return {"LD_PRELOAD": library, "POWER_CUT_SHIM": what}

    def cut_disk(self, size):
        if size not in self.disks:
            self.disks[size] = CutDisk(self.directory(f"cut-{size}"), size)
        return self.disks[size]

    def audit(self, preload):
        # Without fdatasync only the gateway runs; what it left is judged with it.
        key = preload["POWER_CUT_SHIM"] if preload and preload["POWER_CUT_SHIM"] == "shift" else ""
        if key not in self.audits:
            self.audits[key] = Audit(self.binaries, preload if key else None)
        return self.audits[key]

    def close(self):
        for tool in [*self.stages, *self.disks.values(), *self.audits.values(), self.field]:
            tool.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def close_stages(self, name):
        for stage in [stage for stage in self.stages if stage.name == name]:
            stage.close()
            self.stages.remove(stage)

    # MARK: Recording

    def record(self, scene, name, *arguments):
        """A daemon that dies is started again on the same bytes: with slots this small, a machine that does not let
        it run for a second makes a commit too long for them."""
        for attempt in range(3):
            try:
                recording = scene(self, name, *arguments)
                break
            except scenes.GatewayEnded:
                if attempt == 2:
                    raise
                self.counts["daemons that died and were started again"] += 1
            finally:
                self.close_stages(name)
        if not recording.is_sound:
            self.complain(recording, None, ["the log of writes does not make what is on the device"])
        for number in range(recording.start, recording.end):
            self.counts.update("recorded: " + kind for kind, _ in recording.log.blocks(number))
        for sentence in recording.contradictions():
            self.complain(recording, None, [sentence])
        return recording

    def record_restart(self, parent, depth, number):
        """What the real daemon makes of a random cut of `parent`; None where ext4 does not mount it."""
        dice = random.Random(f"{self.seed} restart {number}")
        cut, _ = draw_cut(candidates(parent), dice)
        content = self.picture(parent, cut, dice.choice(MODELS), dice)
        expected = parent.at(cut)
        try:
            recording = self.record(
                scenes.restart, f"restart-{number}", content, expected, parent.evicts, parent.options)
        except OSError:
            self.counts["restarts that ext4 refused"] += 1
            return None
        except scenes.GatewayEnded as ended:
            self.complain(parent, (cut, "restart", "", number), [str(ended)], content)
            return None
        recording.depth = depth
        books = recording.samples[0][2]
        if books["stored"] < expected.stored or books["damaged"] > expected.damaged or books["stored"] != sum(
                books[key] for key in ("delivered", "queued", "evicted", "quarantined")):
            self.complain(recording, None, [f"behind the cut gatewayd says {books}, {expected.stored} were promised"])
        self.counts["restarts"] += 1
        return recording

    # MARK: Cutting

    @staticmethod
    def picture(recording, cut, model, dice):
        content, stable = bytearray(recording.base), recording.log.stable(cut)
        recording.log.apply(content, 0, stable)
        write_in_flight(content, recording, cut, model, dice)
        return content

    def cut(self, recording, count, models=MODELS, only=()):
        """How many of `count` cuts break a promise; `only`: what is in flight at them."""
        kinds = {kind: cuts for kind, cuts in candidates(recording).items() if not only or kind in only}
        if not kinds:
            return 0
        draws = [(*draw_cut(kinds, random.Random(f"{self.seed} {recording.name} {number}")), number)
                 for number in range(count)]
        start, broken = time.monotonic(), 0
        disk, stable, done = self.cut_disk(len(recording.base)), bytearray(recording.base), 0
        for cut, kind, number in sorted(draws):
            dice = random.Random(f"{self.seed} {recording.name} {number} content")
            model = dice.choice(models)
            flushed = recording.log.stable(cut)
            recording.log.apply(stable, done, flushed)
            done = flushed
            disk.content[:] = stable
            write_in_flight(disk.content, recording, cut, model, dice)
            wrong = self.look(recording, recording.at(cut), disk)
            if wrong is None:
                continue
            self.counts.update(
                ["cuts", f"cuts at {kind}", f"cuts by {model}", f"cuts {recording.depth} restarts deep"])
            self.counts["cuts with writes in flight"] += any(
                entry.length for entry in recording.log.entries[flushed:cut])
            if wrong:
                broken += 1
                self.complain(recording, (cut, kind, model, number), wrong)
        self.cutting += time.monotonic() - start
        return broken

    def look(self, recording, expected, disk):
        """Broken promises; None where there is no file system to look at."""
        mounted = disk.mount()
        if mounted:
            self.counts["file systems " + mounted] += 1
        if mounted == "refused":
            return None
        try:
            return losses(expected, self.audit(recording.preload).of(disk.mounted))
        finally:
            disk.unmount()

    def complain(self, recording, cut, wrong, content=None):
        self.counts["broken"] += 1
        place = "cut {} ({}, {}, number {})".format(*cut) if cut else "as a whole"
        self.complaints.append(f"seed {self.seed}, {recording.name}, {place}: " + "; ".join(wrong))
        if cut and len(self.complaints) <= KEPT and self.failures:
            os.makedirs(self.failures, exist_ok=True)
            dice = random.Random(f"{self.seed} {recording.name} {cut[3]} content")
            path = f"{self.failures}/{recording.name}-{cut[0]}-{cut[3]}"
            with open(path + ".image", "wb") as file:
                file.write(content or self.picture(recording, cut[0], dice.choice(MODELS), dice))
            with open(path + ".txt", "w") as file:
                file.write(self.complaints[-1] + f"\nexpected {recording.at(cut[0])}\n")

    # MARK: A round

    def round(self, number, count):
        """Records each scene anew and spends `count` cuts: three fifths on the scenes, the rest on restarts."""
        names = ["first", "rotation", "full", "packing", "thinning", "steady"]
        with ThreadPoolExecutor(len(names)) as threads:
            recordings = list(threads.map(lambda name: self.record(getattr(scenes, name), f"{name}-{number}"), names))
        self.cut(recordings.pop(), count // 40)
        for recording in recordings:
            self.cut(recording, count * 3 // 5 // len(recordings))
        restarts = max(3, count * 2 // 5 // CUTS_PER_RESTART)
        parents = recordings[:]
        for first in range(0, restarts, 3):
            dice = random.Random(f"{self.seed} {number} {first}")
            # Half of them on the latest: a machine whose power flaps.
            chosen = [dice.choice(parents[-3:] if dice.random() < 0.5 else parents)
                      for _ in range(min(3, restarts - first))]
            with ThreadPoolExecutor(3) as threads:
                made = threads.map(
                    lambda pair: self.record_restart(pair[1], pair[1].depth + 1, f"{number}-{first + pair[0]}"),
                    enumerate(chosen))
            for recording in filter(None, made):
                self.cut(recording, CUTS_PER_RESTART)
                if recording.depth < DEPTH:
                    parents.append(recording)


def run_worker(binaries, seed, failures, count):
    """(counts, complaints, seconds spent on cutting alone) of `count` cuts."""
    start = time.monotonic()
    rig = Rig(binaries, seed, failures)
    try:
        rounds = max(1, round(count / CUTS_PER_ROUND))
        for number in range(rounds):
            rig.round(number, count // rounds)
            print(f"#   seed {seed}: {rig.counts['cuts']} cuts, {rig.counts['broken']} broke a promise, "
                  f"{time.monotonic() - start:.0f} s", flush=True)
    finally:
        rig.close()
    return rig.counts, rig.complaints, rig.cutting


def run_figures(binaries, seed, mounts, commits=60):
    rig = Rig(binaries, seed, None)
    try:
        return figures.measure(rig, mounts, commits)
    finally:
        rig.close()


def run_teeth(binaries, seed, count):
    """(what was taken away, how many of `count` cuts broke a promise, the first complaint), for each."""
    rig, seen = Rig(binaries, seed, None), []
    rig.shim("")
    try:
        with ThreadPoolExecutor(len(teeth.TEETH)) as threads:
            recordings = threads.map(lambda tooth: rig.record(tooth[0], tooth[0].__name__), teeth.TEETH)
        for (scene, models, kinds), recording in zip(teeth.TEETH, list(recordings)):
            rig.complaints.clear()
            broken = rig.cut(recording, count, models, kinds)
            seen.append((scene.__doc__, broken, (rig.complaints or ["nothing was noticed"])[0]))
    finally:
        rig.close()
    return seen
