"""Starts the store on what a cut left and holds it against what was expected."""

import json
import os
import subprocess

from rows import common, minus, size, union


class Audit:
    """`gateway-sim audit`: one process, one store after the other; a new one behind a store that killed it."""

    def __init__(self, binaries, preload=None):
        self.words, self.environment = [binaries + "/gateway-sim", "audit"], dict(os.environ, **(preload or {}))
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment)

    def of(self, mounted, capacity=12 << 20):
        # As the daemon does when its directory is not there yet.
        os.makedirs(mounted + "/state", mode=0o700, exist_ok=True)
        self.process.stdin.write(f"{capacity} {mounted}/state\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.start()
            return {"error": f"the store's code died with {code}"}
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def losses(expected, found):
    """Each broken promise in a sentence; none when all hold."""
    if "error" in found:
        return ["does not start: " + found["error"]]
    stored, delivered, queued, evicted, damaged, thinned, quarantined = found["books"]
    wrong = []

    def check(is_right, sentence):
        if not is_right:
            wrong.append(sentence)

    runs = [(first, last) for first, last, _, _ in found["runs"]]
    gaps = [gap for _, _, _, gaps in found["runs"] for gap in gaps]
    gone = evicted - thinned - damaged
    check(stored >= expected.stored, f"lost: {expected.stored} rows were promised, {stored} are stored")
    check(not gaps, f"lost: rows {gaps} of {stored} cannot be read, {expected.stored} were promised")
    check(damaged <= expected.damaged, f"lost: {damaged} rows are called damaged")
    check(stored == delivered + queued + evicted + quarantined and queued == size(runs),
          f"the books do not balance: {found['books']}, queued {runs}")
    check(quarantined == 0, f"{quarantined} rows are called quarantined")
    # What was answered while the ledger was on its way counts as evicted in it, and not in the books.
    check(expected.evicted is None or gone + delivered <= expected.evicted + size(union(*expected.answered.values())),
          f"lost: {gone} rows are called evicted, {expected.evicted} had to make room")
    for first, last, commits, _ in found["runs"]:
        wrong += wrong_commits(expected, commits, first, last)
    last_sent = expected.sent.get(found["stream"], 0)
    check(stored >= last_sent, f"stream {found['stream']} goes on from {stored}, but row {last_sent} of it was sent")
    return wrong or wrong_settlement(expected, found, runs, gone)


def wrong_commits(expected, commits, first, last):
    """Those that are not what was written, or not each row once."""
    wrong, following = [], first
    for stream, seq, rows, digest, fault in commits:
        written = expected.written.get((stream, seq))
        is_original = written is not None and (written.rows, written.crc) == (rows, digest)
        if not is_original and (rows, digest) not in expected.packed.get((stream, seq), ()):
            wrong.append(f"false: rows {seq}... of stream {stream} were never written like that")
        is_owed = seq + rows - 1 <= expected.stored and not any(
            first <= seq <= last for first, last in expected.let_through)
        if fault == 2 or (fault and is_owed):
            wrong.append(f"lost: rows {seq}... have no {'catalogue' if fault == 1 else 'meaning'}")
        # The first one may be settled in part, and so may the last one.
        if seq > following or (seq < following and following != first):
            wrong.append(f"rows {following} to {seq} are there twice or not at all")
        following = seq + rows
    if following <= last and not wrong:
        wrong.append(f"lost: rows from {following} to {last} are in no commit")
    return wrong


def wrong_settlement(expected, found, queued, gone):
    """Rows that are queued no more although nobody had them and nothing stands for them, or that are queued beside what
    stands for them."""
    stored, delivered, _, _, damaged, _, _ = found["books"]
    settled = minus([(1, stored)] if stored else [], queued)
    answered = union(*expected.answered.values())
    summaries = [commit for commit in expected.written.values() if commit.kind == "summary"]
    # Who had all the rows of a summary has the summary.
    answered = union(answered, *[rows_of(summary) for summary in summaries if not minus(summary.runs, answered)])
    wrong = []
    if delivered > size(answered):
        wrong.append(f"the cursor leads: {delivered} rows are called delivered, {size(answered)} were answered")
    found_keys = {(stream, seq) for _, _, commits, _ in found["runs"] for stream, seq, *_ in commits}
    effective = [summary for summary in summaries if (summary.stream, summary.first) in found_keys
                 or not minus(rows_of(summary), expected.answered.get(summary.stream, []))]
    for summary in effective:
        both = common(summary.runs, queued)
        if both:
            wrong.append(f"there twice: rows {both} are queued, and summary {summary.first}... stands for them")
    represented = union(*[summary.runs for summary in effective])
    if size(represented) != sum(size(summary.runs) for summary in effective):
        wrong.append(f"there twice: rows are in two of the summaries {[summary.first for summary in effective]}")
    # A summary may have become part of another one; where rows had to make room, of none.
    rest = [summary for summary in summaries if summary not in effective]
    while True:
        more = [summary for summary in rest if not minus(rows_of(summary), settled if gone else represented)]
        if not more:
            break
        represented = union(represented, *[summary.runs for summary in more])
        rest = [summary for summary in rest if summary not in more]
    unknown = minus(settled, union(answered, represented))
    if size(unknown) > gone + damaged:
        wrong.append(f"lost: rows {unknown} are queued no more, {gone} had to make room and {damaged} are damaged; "
                     f"nothing stands for them")
    return wrong


def rows_of(commit):
    return [(commit.first, commit.first + commit.rows - 1)]
