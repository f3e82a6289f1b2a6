"""Starts the store on what a cut left and holds it against what was expected."""

import json
import os
import subprocess


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
    stored, delivered, queued, evicted, damaged, quarantined = found["books"]
    wrong = []

    def check(is_right, sentence):
        if not is_right:
            wrong.append(sentence)

    check(stored >= expected.stored, f"lost: {expected.stored} rows were promised, {stored} are stored")
    check(not found["gaps"], f"lost: rows {found['gaps']} of {stored} cannot be read, {expected.stored} were promised")
    check(damaged == 0, f"lost: {damaged} rows are called damaged")
    check(stored == delivered + queued + evicted + quarantined, f"the books do not balance: {found['books']}")
    check(delivered <= expected.delivered, f"the cursor leads: {delivered} delivered, {expected.delivered} were answered")
    check(quarantined == 0, f"{quarantined} rows are called quarantined")
    check(expected.evicted is None or evicted <= expected.evicted,
          f"lost: {evicted} rows are called evicted, {expected.evicted} had to make room")
    wrong += wrong_commits(expected, found["commits"], stored - queued + 1, stored)
    last_sent = expected.sent.get(found["stream"], 0)
    check(stored >= last_sent, f"stream {found['stream']} goes on from {stored}, but row {last_sent} of it was sent")
    return wrong


def wrong_commits(expected, commits, first, stored):
    """Those that are not what was written, or not each row once."""
    wrong, following = [], first
    for stream, seq, rows, digest, fault in commits:
        written = expected.written.get((stream, seq))
        if written is None:
            wrong.append(f"false: rows {seq}... of stream {stream} were never written")
        elif written != (rows, digest):
            wrong.append(f"false: the rows at {seq} of stream {stream} are not those that were written")
        is_owed = seq + rows - 1 <= expected.stored and not any(
            first <= seq <= last for first, last in expected.let_through)
        if fault == 2 or (fault and is_owed):
            wrong.append(f"lost: rows {seq}... have no {'catalogue' if fault == 1 else 'meaning'}")
        # The first one may be settled in part.
        if seq > following or (seq < following and following != first):
            wrong.append(f"rows {following} to {seq} are there twice or not at all")
        following = seq + rows
    if following <= stored and not wrong:
        wrong.append(f"lost: rows from {following} of {stored} are in no commit")
    return wrong
