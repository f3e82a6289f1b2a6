"""What is on the medium when the power goes: all that was flushed, and of each write since then whatever the model
draws. A model changes only sectors in flight."""

from writelog import FUA, SECTOR

MODELS = ["prefix", "drop", "torn", "garbage"]


def draw_keep(dice):
    """Seldom all, seldom nothing."""
    return dice.choice([0.1, 0.5, 0.5, 0.9])


def write_in_flight(content, log, start, end, model, dice):
    """Puts entries `start` ..< `end` on the medium as `model` says:

    prefix   all of them
    drop     each whole or not at all, so that later ones may be there without earlier ones
    torn     each sector by itself or not at all
    garbage  each sector, or not, or noise
    """
    keep = draw_keep(dice)
    for entry in log.entries[start:end]:
        if not entry.length:
            continue
        data = log.data(entry)
        if model == "prefix" or entry.flags & FUA or (model == "drop" and dice.random() < keep):
            content[entry.offset:entry.offset + entry.length] = data
        elif model in ("torn", "garbage"):
            tear(content, entry.offset, data, model == "garbage", keep, dice)


def tear(content, offset, data, makes_noise, keep, dice):
    noise = dice.choice([0.05, 0.3, 1.0]) * (1 - keep) if makes_noise else 0
    for place in range(0, len(data), SECTOR):
        draw = dice.random()
        if draw < keep:
            content[offset + place:offset + place + SECTOR] = data[place:place + SECTOR]
        elif draw < keep + noise:
            content[offset + place:offset + place + SECTOR] = dice.randbytes(SECTOR)


def candidates(recording):
    """Cuts by what is in flight at them; each kind is drawn as often as any other."""
    log, kinds = recording.log, {"anywhere": list(range(recording.start, recording.end + 1))}
    seen_commit = False
    for number in range(recording.start, recording.end):
        for kind in {kind for kind, _ in log.blocks(number)}:
            if kind == "commit":
                # The first of all, and the middle of the others.
                kind = "commit" if seen_commit else "first commit"
                seen_commit = True
            # From the write's own entry until just behind the next flush.
            around = range(number, min(number + 4, recording.end + 1))
            kinds.setdefault(kind, []).extend(around)
    if recording.start == 0:
        kinds["recovery"] = list(range(0, min(40, recording.end + 1)))
    return kinds


def draw_cut(kinds, dice):
    kind = dice.choice(sorted(kinds))
    return dice.choice(kinds[kind]), kind
