"""What one run of the gateway wrote, and what held at each cut of it.

`at(cut)` is sound in both directions of time: a row counts as promised only if the writes that made it durable come
before the cut, and as possibly delivered or evicted if anything written before the cut could know of it.
"""

import os
from dataclasses import dataclass, field

from device import end_of_inodes, extents
from rows import MASK, size, union
from writelog import BLOCK, WriteLog


@dataclass
class Expected:
    """What must be true of a disk whose power went at some moment. Row numbers are sets as in `rows`."""
    #: Every row up to here was promised, by a status or by being sent.
    stored: int = 0
    #: The rows that the platform may have acknowledged, by stream.
    answered: dict = field(default_factory=dict)
    #: How many rows may have had to make room and live on in no summary; None where that is not known.
    evicted: int = 0
    #: How many may be called damaged: those of summaries that nobody had promised when a cut let them through without
    #: their descriptions. The rows that they stood for are still there.
    damaged: int = 0
    #: The last row that was sent, by stream.
    sent: dict = field(default_factory=dict)
    #: (stream, first row) -> Commit, of every commit and summary that was ever written.
    written: dict = field(default_factory=dict)
    #: (stream, first row) -> {(rows, CRC-32C of the payload)}, what packed segments have in their place.
    packed: dict = field(default_factory=dict)
    #: (first, last) of rows that nobody had promised when a cut let them through, maybe without their descriptions:
    #: the daemon knows those from its configuration.
    let_through: list = field(default_factory=list)


class Recording:
    """`base` is the device before the log's first entry, `before` what was expected of it. The log is `sound` when
    its entries make the device's content out of the base. Below `fixed` lie ext4's superblock and inodes."""

    def __init__(self, name, disk, base, before, gateway, platform, start, evicts=False, alignment=BLOCK, preload=None):
        self.name, self.base, self.before, self.start = name, base, before, start
        self.evicts, self.preload, self.samples = evicts, preload, gateway.samples
        #: How many starts behind cuts came before.
        self.depth = 0
        end = disk.position()
        # It may grow, but a part of it never moves.
        store = disk.mounted + "/state/store-v1"
        pieces = extents(store) if os.path.exists(store) else []
        disk.close()
        self.log = log = WriteLog(disk.log, alignment)
        self.end = log.entries_ended(end)
        self.promises = [(log.entries_begun(position), stored) for position, stored in gateway.promises]
        self.received = [(log.entries_begun(position), stream, last) for position, stream, _, last in platform.received]
        self.answered = [(log.entries_ended(position), stream, (first, last))
                         for position, stream, first, last in platform.answered]
        self.commits = log.commits(base, self.end, pieces)
        with open(disk.base, "rb") as file:
            content = bytearray(base)
            log.apply(content, 0, len(log.entries))
            self.is_sound = content == file.read()
        self.fixed = end_of_inodes(content)

    def at(self, cut):
        before = self.before
        promised = [stored for number, stored in self.promises if number <= cut]
        promised += [last for number, _, last in self.received if number <= cut]
        stored = max(promised, default=before.stored)
        sent = dict(before.sent)
        for number, stream, last in self.received:
            if number <= cut:
                sent[stream] = max(last, sent.get(stream, 0))
        answered = dict(before.answered)
        for stream in {stream for _, stream, _ in self.answered}:
            runs = [run for number, its, run in self.answered if its == stream and number < cut]
            answered[stream] = union(answered.get(stream, []), runs)
        written, packed, damaged = dict(before.written), dict(before.packed), before.damaged
        for number, commit in self.commits:
            if number >= cut:
                continue
            key = commit.stream, commit.first
            if commit.kind == "packed rows":
                packed[key] = packed.get(key, frozenset()) | {(commit.rows, commit.crc)}
            else:
                written[key] = commit
            if commit.kind == "summary" and commit.first > stored:
                damaged += commit.rows
        let_through = before.let_through[:]
        # Seen by the first status of a start behind a cut, which may count a commit of its own too.
        if before.written and self.promises and self.promises[0][1] > before.stored:
            let_through.append((before.stored + 1, self.promises[0][1]))
        return Expected(stored, answered, self.evicted_limit(cut), damaged, sent, written, packed, let_through)

    def evicted_limit(self, cut):
        """Rows are given up on the medium first and in the books with the commit that needed their place: the count
        two commits later includes them."""
        if not self.evicts or self.before.evicted is None:
            return self.before.evicted
        commits = None
        for before, _, books, count in self.samples:
            if self.log.entries_ended(before) < cut:
                continue
            commits = count if commits is None else commits
            if count >= commits + 2:
                return books["evicted"] - books["thinned"]
        return None

    def contradictions(self):
        """What is wrong with the commits themselves: numbers that name two of them, packed rows that are not those
        they were made of, summaries that stand for more or fewer readings than their rows."""
        written, heavy, wrong = dict(self.before.written), {}, []
        for commit in written.values():
            heavy.update(commit.heavy)
        for _, commit in self.commits:
            if commit.kind == "packed rows":
                if packed_from(written, commit) != commit.digest:
                    wrong.append(f"packed rows {commit.first}... are not those that were written")
                continue
            known = written.setdefault((commit.stream, commit.first), commit)
            if (known.rows, known.crc) != (commit.rows, commit.crc):
                wrong.append(f"number reused: {commit.stream} {commit.first}")
            if commit.kind == "summary" and readings(heavy, commit.runs) != readings(
                    commit.heavy, [(commit.first, commit.first + commit.rows - 1)]):
                wrong.append(f"summary {commit.first}... does not stand for the readings of {commit.runs}")
            for number in range(commit.first, commit.first + commit.rows):
                heavy.pop(number, None)
            heavy.update(commit.heavy)
        return wrong


def packed_from(written, packed):
    """The digest of the commits that have these rows; None where some were never written."""
    following, total = packed.first, 0
    while following < packed.first + packed.rows:
        commit = written.get((packed.stream, following))
        if commit is None:
            return None
        following, total = following + commit.rows, total + commit.digest & MASK
    return total if following == packed.first + packed.rows else None


def readings(heavy, runs):
    return size(runs) + sum(count - 1 for number, count in heavy.items()
                            if any(first <= number <= last for first, last in runs))
