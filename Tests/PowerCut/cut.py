"""What is on the medium when the power goes: all that was flushed, and of each write since then whatever the model
draws. A model changes only sectors in flight.

ext4's superblock and inode table get a write's blocks as a whole or not at all: noise there, where the journal's own
inode is, no ext4 survives, whatever its files are like.
"""

from writelog import BLOCK, FUA, SECTOR

MODELS = ["prefix", "drop", "torn", "garbage"]


def draw_keep(dice):
    """Seldom all, seldom nothing."""
    return dice.choice([0.1, 0.5, 0.5, 0.9])


def write_in_flight(content, recording, cut, model, dice):
    """Puts what is in flight at `cut` on the medium as `model` says:

    prefix   all of them
    drop     each whole or not at all, so that later ones may be there without earlier ones
    torn     each sector by itself or not at all
    garbage  each sector, or not, or noise
    """
    keep, log = draw_keep(dice), recording.log
    for entry in log.entries[log.stable(cut):cut]:
        if not entry.length:
            continue
        data = log.data(entry)
        if model == "prefix" or entry.flags & FUA or (model == "drop" and dice.random() < keep):
            content[entry.offset:entry.offset + entry.length] = data
        elif model in ("torn", "garbage"):
            whole = max(0, min(len(data), recording.fixed - entry.offset))
            tear(content, entry.offset, data[:whole], BLOCK, keep, 0, dice)
            noise = dice.choice([0.1, 0.5, 1.0]) * (1 - keep) if model == "garbage" else 0
            tear(content, entry.offset + whole, data[whole:], SECTOR, keep, noise, dice)


def tear(content, offset, data, piece, keep, noise, dice):
    for place in range(0, len(data), piece):
        draw, new = dice.random(), data[place:place + piece]
        if keep <= draw < keep + noise:
            new = dice.randbytes(len(new))
        if draw < keep + noise:
            content[offset + place:offset + place + len(new)] = new


def candidates(recording):
    """Cuts by what is in flight at them; each kind is drawn as often as any other."""
    log, kinds = recording.log, {"anywhere": list(range(recording.start, recording.end + 1))}
    has_commit = False
    for number in range(recording.start, recording.end):
        for kind in {kind for kind, _ in log.blocks(number)}:
            if kind == "commit":
                kind = "commit" if has_commit else "first commit"
                has_commit = True
            # From the moment at which it is written until the next flush.
            flush = log.next_flush(number)
            kinds.setdefault(kind, []).extend(range(number + 1, min(flush, recording.end) + 1))
    if recording.start == 0:
        # On a disk that was cut before: what ext4's recovery and the store's write.
        kinds["recovery"] = [cut for cut in range(1, min(40, recording.end + 1)) if log.stable(cut) < cut]
    return {kind: cuts for kind, cuts in kinds.items() if cuts}


def draw_cut(kinds, dice):
    kind = dice.choice(sorted(kinds))
    return dice.choice(kinds[kind]), kind
