"""What a commit costs the medium, counted at the logged device, and for what: by how the file system is mounted."""

import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from scenes import MIB, Stage

#: What the README says of a commit of 100 rows.
GOAL = "goal: 4.60 kB, 1.12 flushes"
RECOMMENDED = "commit=60"
MOUNTS = ["", "noatime", "commit=60", "lazytime", "lazytime,noatime", "lazytime,noatime,commit=60"]


def pace(rig, name, mounted, commits):
    """Slots as they are in the street; 100 rows a commit, one a second."""
    stage = Stage(rig, name, 20 * MIB, mounted=mounted, every="1s", commit="1s", polled=0.2)
    stage.gateway.start()
    stage.live(12)
    first, known = stage.gateway.samples[-1], places(stage.disk.base)
    stage.live(12 + commits)
    last = stage.gateway.samples[-1]
    stage.gateway.kill()
    recording = stage.finish()
    return cost(recording, first, last, known)


def places(image):
    """{block: what it is for}, where that is the file system's."""
    known = {}
    for inode, what in ((8, "journal"), (2, "directories")):
        done = subprocess.run(["debugfs", "-R", f"blocks <{inode}>", image], capture_output=True, text=True)
        known.update((int(block), what) for block in done.stdout.split())
    return known


def cost(recording, first, last, known):
    """(bytes, flushes, {what for: bytes}) a commit between two samples."""
    log, parts = recording.log, Counter()
    start, end = log.entries_begun(first[1]), log.entries_begun(last[1])
    commits = last[3] - first[3]
    for number in range(start, end):
        entry = log.entries[number]
        if entry.data is None or not entry.length:
            continue
        kinds = {kind for kind, _ in log.blocks(number)}
        if kinds:
            what = "ledger" if kinds == {"ledger"} else "rows"
        elif entry.offset < recording.fixed:
            what = "superblock" if entry.offset == 0 else "inodes"
        else:
            what = known.get(entry.offset // 4096, "rest")
        parts[what] += entry.length
    size, flushes = log.counts(start, end)
    return size / commits, flushes / commits, {what: size / commits for what, size in parts.items()}


def measure(rig, mounts, commits):
    """A line for each, in the order of `mounts`."""
    with ThreadPoolExecutor(len(mounts)) as threads:
        costs = threads.map(lambda pair: pace(rig, f"pace-{pair[0]}", pair[1], commits), enumerate(mounts))
    return [f"one commit of 100 rows a second, mounted {mounted or 'with defaults'}: {size / 1000:.2f} kB and "
            f"{flushes:.2f} flushes a commit ({GOAL}); " + ", ".join(
                f"{what} {part / 1000:.2f}" for what, part in sorted(parts.items(), key=lambda item: -item[1]))
            for mounted, (size, flushes, parts) in zip(mounts, costs)]
