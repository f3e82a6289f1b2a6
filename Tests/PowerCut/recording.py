"""What one run of the gateway wrote, and what held at each cut of it.

`at(cut)` is sound in both directions of time: a row counts as promised only if the writes that made it durable come
before the cut, and as possibly delivered or evicted if anything written before the cut could know of it.
"""

from dataclasses import dataclass, field

from device import end_of_inodes
from writelog import BLOCK, WriteLog


@dataclass
class Expected:
    """What must be true of a disk whose power went at some moment."""
    #: Every row up to here was promised, by a status or by being sent.
    stored: int = 0
    #: The last row that the platform may have acknowledged.
    delivered: int = 0
    #: How many rows may have had to make room; None where that is not known.
    evicted: int = 0
    #: The last row that was sent, by stream.
    sent: dict = field(default_factory=dict)
    #: (stream, first row) -> (rows, CRC-32C of the payload) of every commit that was ever written.
    written: dict = field(default_factory=dict)
    #: (first, last) of rows that nobody had promised when a cut let them through, maybe without their descriptions:
    #: the daemon knows those from its configuration.
    let_through: list = field(default_factory=list)


class Recording:
    """`base` is the device before the log's first entry, `before` what was expected of it. The log is `sound` when
    its entries make the device's content out of the base. Below `fixed` lie ext4's superblock and inodes."""

    def __init__(self, name, disk, base, before, gateway, platform, start, evicts=False, alignment=BLOCK, preload=None):
        self.name, self.base, self.before, self.start = name, base, before, start
        self.evicts, self.preload, self.samples = evicts, preload, gateway.samples
        end = disk.position()
        disk.close()
        self.log = log = WriteLog(disk.log, alignment)
        self.end = log.entries_ended(end)
        self.promises = [(log.entries_begun(position), stored) for position, stored in gateway.promises]
        self.received = [(log.entries_begun(position), stream, last) for position, stream, last in platform.received]
        self.answered = [(log.entries_ended(position), last) for position, _, last in platform.answered]
        self.commits = log.commits(base, self.end)
        with open(disk.base, "rb") as file:
            content = bytearray(base)
            log.apply(content, 0, len(log.entries))
            self.is_sound = content == file.read()
        self.fixed = end_of_inodes(content)

    def at(self, cut):
        before = self.before
        promised = [stored for number, stored in self.promises if number <= cut]
        promised += [last for number, _, last in self.received if number <= cut]
        answered = [last for number, last in self.answered if number < cut]
        sent = dict(before.sent)
        for number, stream, last in self.received:
            if number <= cut:
                sent[stream] = max(last, sent.get(stream, 0))
        written = dict(before.written)
        written.update((commit[:2], commit[2:]) for number, commit in self.commits if number < cut)
        let_through = before.let_through[:]
        # Seen by the first status of a start behind a cut, which may count a commit of its own too.
        if before.written and self.promises and self.promises[0][1] > before.stored:
            let_through.append((before.stored + 1, self.promises[0][1]))
        return Expected(max(promised, default=before.stored), max(answered + [before.delivered]),
                        self.evicted_limit(cut), sent, written, let_through)

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
                return books["evicted"]
        return None

    def reused_numbers(self):
        """Pairs of stream and first row that name two different commits."""
        known, reused = dict(self.before.written), []
        for _, commit in self.commits:
            if known.setdefault(commit[:2], commit[2:]) != commit[2:]:
                reused.append(commit)
        return reused

    def per_commit(self):
        """(bytes, flushes) that the device saw for each commit, from the first second on."""
        first, last = self.samples[len(self.samples) // 10], self.samples[-1]
        start, end = self.log.entries_begun(first[1]), self.log.entries_begun(last[1])
        size, flushes = self.log.counts(start, end)
        commits = last[3] - first[3]
        return size / commits, flushes / commits, commits
