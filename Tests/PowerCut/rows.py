"""The rows of a commit's payload, by the rig's own decoder, and sets of row numbers.

A set of numbers is a sorted list of runs (first, last), none of which touches the next.
"""

import struct

MASK = (1 << 64) - 1


class Reader:
    def __init__(self, data):
        self.data, self.place = data, 0

    def byte(self):
        self.place += 1
        return self.data[self.place - 1]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.data[self.place]
            self.place += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value & MASK
            shift += 7

    def signed(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def fixed(self, code):
        value, = struct.unpack_from(code, self.data, self.place)
        self.place += struct.calcsize(code)
        return value

    def number(self, code):
        """(1 signed, 2 unsigned or 3 double, value), or None."""
        if code == 0:
            return None
        if code == 1:
            return 1, self.signed()
        if code == 2:
            return 2, self.varint()
        if code == 3:
            return 3, float(self.signed())
        if code == 4:
            word = self.varint()
            mantissa = word >> 2
            return 3, (mantissa >> 1 ^ -(mantissa & 1)) / 10 ** ((word & 3) + 1)
        return 3, self.fixed("<f" if code == 5 else "<d")


def decode(payload, count):
    """`count` rows as (readings that it stands for, point, time, boot time, status, what it says); behind them, where
    the rows end."""
    reader, rows = Reader(payload), []
    time, offset, point = 0, 0, -1
    for _ in range(count):
        tag = reader.byte()
        if not tag & 2:
            time += reader.signed()
            offset += reader.signed()
        point += 1 if tag & 4 else reader.signed()
        status = None if tag & 8 else (reader.byte(), reader.byte(), reader.byte())
        weight = 1
        if tag & 1:
            seconds, good, bad = reader.varint(), reader.varint(), reader.varint()
            weight = good + bad
            numbers = tuple(reader.number(reader.byte()) for _ in range(6)) if good else ()
            # Each: the place of its function's bit, the state that durations (14) are of, its value.
            extras = tuple((place := reader.byte(), reader.number(reader.byte()) if place == 14 else None,
                            reader.number(reader.byte())) for _ in range(reader.varint() if tag & 32 else 0))
            says = (seconds, good, bad, tag >> 4 & 1, numbers, extras)
        else:
            says = reader.number(tag >> 4)
        rows.append((weight, point, time, time - offset, status, says))
    return rows, reader.place


def digest(rows, first, catalogue):
    """Of rows with their numbers; that of two commits is the sum of theirs."""
    return sum(hash((first + place, catalogue, row)) for place, row in enumerate(rows)) & MASK


def superseded(payload):
    """The runs of numbers that stand at the end of a summary."""
    count, = struct.unpack_from("<H", payload, len(payload) - 2)
    start = len(payload) - 2 - 16 * count
    return [(first, end - 1) for first, end in struct.iter_unpack("<QQ", payload[start:start + 16 * count])]


def union(*sets):
    result = []
    for first, last in sorted(run for runs in sets for run in runs):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return result


def minus(runs, others):
    result, others = [], union(others)
    for first, last in runs:
        for other_first, other_last in others:
            if other_last < first or other_first > last:
                continue
            if other_first > first:
                result.append((first, other_first - 1))
            first = other_last + 1
        if first <= last:
            result.append((first, last))
    return result


def common(runs, others):
    return minus(runs, minus(runs, others))


def size(runs):
    return sum(last - first + 1 for first, last in runs)
