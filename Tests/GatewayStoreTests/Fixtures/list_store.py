#!/usr/bin/env python3
"""What a golden store holds, by the power-cut rig's decoders, which share nothing with the gateway's:

    python3 list_store.py store-format-3.blocks > store-format-3.rows

`ledger STREAM STORED CLOSED`, `entry NAME DELIVERED QUARANTINED DAMAGED THINNED RUN,…`, `kinds TYPE=RECORDS …`, and a
line for each row that some destination lacks: number, stream, point, time (µs), and a value, or a window's seconds and
counts of good and bad readings.
"""

import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "PowerCut"))
from rows import decode, minus, union  # noqa: E402
from writelog import BLOCK, RECORD, crc32c  # noqa: E402


def unfold(path):
    with open(path, "rb") as file:
        data = file.read()
    blocks, = struct.unpack_from("<I", data)
    store, place = bytearray(blocks * BLOCK), 4
    while place < len(data):
        number, length = struct.unpack_from("<IH", data, place)
        store[number * BLOCK:number * BLOCK + length] = data[place + 6:place + 6 + length]
        place += 6 + length
    return bytes(store)


def ledger(store, slot_size):
    blocks = []
    for start in (slot_size // 4, slot_size // 2):
        magic, crc, length, generation = struct.unpack_from("<8sIIQ", store, start)
        if magic == b"CGWLEDG2" and crc32c(store[start + 12:start + length]) == crc:
            blocks.append((generation, start))
    start = max(blocks)[1]
    stream, = struct.unpack_from("<Q", store, start + 24)
    stored, _, flags, count = struct.unpack_from("<QQII", store, start + 48)
    place, entries = start + 72, {}
    for _ in range(count):
        *books, runs, length = struct.unpack_from("<QQQQHB", store, place)
        place += 35
        name = store[place:place + length].decode()
        place += length
        settled = [(first, end - 1) for first, end in struct.iter_unpack("<QQ", store[place:place + 16 * runs])]
        entries[name] = (books, settled)
        place += 16 * runs
    return stream, stored, flags & 1, entries


def records(store, slot_size):
    for slot in range(slot_size, len(store), slot_size):
        if store[slot:slot + 8] != b"CGWSEGM1":
            continue
        segment, = struct.unpack_from("<Q", store, slot + 16)
        for place in range(slot + BLOCK, slot + slot_size, 8):
            if store[place:place + 4] != b"CGWR":
                continue
            head = RECORD.unpack_from(store, place)
            end = place + RECORD.size + head[3]
            if head[4] == segment and crc32c(store[place + 8:end]) == head[1]:
                yield head, store[place + RECORD.size:end]


def main(path):
    store = unfold(path)
    slot_size, = struct.unpack_from("<I", store, 12)
    stream, stored, closed, entries = ledger(store, slot_size)
    print(f"ledger {stream:016x} {stored} {closed}")
    for name, (books, settled) in sorted(entries.items()):
        print("entry", name, *books, ",".join(f"{first}-{last}" for first, last in settled))
    lacked = union(*(minus([(1, stored)], settled) for _, settled in entries.values()))
    found, kinds = {}, {}
    for (_, _, kind, _, _, first, row_stream, _, _, count, _), payload in records(store, slot_size):
        kind &= 255
        kinds[kind] = kinds.get(kind, 0) + 1
        for place, (_, point, time, _, _, says) in enumerate(decode(payload, count)[0] if kind != 2 else []):
            text = " ".join(map(str, says[:3])) if len(says) > 2 else f"{says[1]:g}"
            line = f"{first + place} {row_stream:016x} {point} {time} {text}"
            assert found.setdefault(first + place, line) == line, line
    print("kinds", *(f"{kind}={count}" for kind, count in sorted(kinds.items())))
    for first, last in lacked:
        for seq in range(first, last + 1):
            print(found[seq])


if __name__ == "__main__":
    main(sys.argv[1])
