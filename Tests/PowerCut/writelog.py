"""What a LoggedDisk wrote, in order (the format of dm-log-writes), and what of it is the store's.

A flush makes stable every write logged before it. Entries are numbered from 0; a cut at n lets the first n be
issued. Records are read here by the rig's own code, straight from the device's bytes: what an audit finds is held
against that, not against the store's own idea.
"""

import bisect
import mmap
import os
import struct
from collections import namedtuple

from rows import decode, digest, superseded

SECTOR, BLOCK = 512, 4096
LOG_MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4
RECORD = struct.Struct("<4sIIIQQQ16sqII")
BLOCKS = {b"CGWSTOR1": "format", b"CGWLEDG2": "ledger", b"CGWSEGM1": "rotation"}
RECORDS = {1: "commit", 3: "summary", 4: "packed rows"}

#: What a record says: its rows as the medium has them (`crc` of the payload) and as they are meant (`digest`), and the
#: readings that they stand for, where it is not one a row: {number: readings}. `runs`: what a summary stands for.
Commit = namedtuple("Commit", "kind stream first rows crc digest heavy runs")


def kind_of(data, at):
    """What of the store's begins at a block; None for a catalogue, which never comes alone, and anything else."""
    magic = data[at:at + 8]
    if magic[:4] == b"CGWR":
        return RECORDS.get(data[at + 8])
    kind = BLOCKS.get(magic)
    return "packed header" if kind == "rotation" and data[at + 68:at + 72] != bytes(4) else kind


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = _crc_table()


def crc32c(data, table=CRC_TABLE):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


class Entry:
    """`offset` and `length` on the device, `data` in the log (None for a discard), `end` of the entry in the log."""
    __slots__ = ("offset", "length", "flags", "data", "start", "end")

    def __init__(self, offset, length, flags, data, start, end):
        self.offset, self.length, self.flags = offset, length, flags
        self.data, self.start, self.end = data, start, end


class WriteLog:
    """`alignment`: where the store's blocks may begin."""

    def __init__(self, path, alignment=BLOCK):
        self.alignment = alignment
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), os.fstat(file.fileno()).st_size, access=mmap.ACCESS_READ)
        magic, _, count, sector_size = struct.unpack_from("<QQQI", self.bytes)
        if magic != LOG_MAGIC or sector_size != SECTOR:
            raise ValueError(f"{path} is not a log of writes with sectors of 512 bytes")
        self.entries, place = [], SECTOR
        for _ in range(count):
            # The server counts an entry before it logs it: stopped in between, the last ones are not there.
            if place + SECTOR > len(self.bytes):
                break
            sector, sectors, flags, _ = struct.unpack_from("<QQQQ", self.bytes, place)
            data = None if flags & DISCARD else place + SECTOR
            end = place + SECTOR + (0 if flags & DISCARD else sectors * SECTOR)
            if end > len(self.bytes):
                break
            self.entries.append(Entry(sector * SECTOR, sectors * SECTOR, flags, data, place, end))
            place = end
        self.starts = [entry.start for entry in self.entries]
        self.ends = [entry.end for entry in self.entries]
        self.flushes = [number for number, entry in enumerate(self.entries) if entry.flags & FLUSH]

    def entries_begun(self, position):
        """How many entries may lie below a position of the log: whatever was acknowledged by then is among them."""
        return bisect.bisect_left(self.starts, position)

    def entries_ended(self, position):
        """How many lie below it for certain: nothing that came later is among them."""
        return bisect.bisect_right(self.ends, position)

    def stable(self, cut):
        """How many entries are on the medium for certain when the power goes at `cut`."""
        before = bisect.bisect_left(self.flushes, cut)
        return self.flushes[before - 1] + 1 if before else 0

    def next_flush(self, number):
        after = bisect.bisect_left(self.flushes, number)
        return self.flushes[after] if after < len(self.flushes) else len(self.entries)

    def data(self, entry):
        return self.bytes[entry.data:entry.data + entry.length] if entry.data else bytes(entry.length)

    def apply(self, content, start, end):
        for entry in self.entries[start:end]:
            if entry.length:
                content[entry.offset:entry.offset + entry.length] = self.data(entry)

    def blocks(self, number):
        """The store's blocks in an entry: (kind, offset on the device)."""
        entry = self.entries[number]
        if entry.data is None:
            return
        for place in range(0, entry.length, self.alignment):
            at = entry.data + place
            kind = kind_of(self.bytes, at)
            if kind:
                yield kind, entry.offset + place

    def commits(self, base, end, pieces):
        """Every commit with rows that the first `end` entries hold: (number of the entry that its header is in,
        Commit). It may be spread over several writes, with a flush of the journal between them, so it is looked for
        at each flush until it is whole. `pieces`: where the store lies, see `device.extents`."""
        content, found, begun = bytearray(base), [], {}
        for number, entry in enumerate(self.entries[:end]):
            if entry.length:
                content[entry.offset:entry.offset + entry.length] = self.data(entry)
                begun.update((offset, number) for kind, offset in self.blocks(number) if kind in RECORDS.values())
            if entry.flags & FLUSH or number == end - 1:
                whole = {offset: commit for offset in begun if (commit := read_commit(content, offset, pieces))}
                found += [(begun.pop(offset), commit) for offset, commit in whole.items()]
        return found

    def counts(self, start, end):
        """(bytes, flushes) that reached the device in entries `start` ..< `end`."""
        part = self.entries[start:end]
        return sum(entry.length for entry in part if entry.data), sum(1 for entry in part if entry.flags & FLUSH)


def read(content, offset, length, pieces):
    """`length` bytes of a file from where `offset` of the device is: a file may lie in several pieces."""
    data = bytearray()
    at = next((start + offset - place for start, place, size in pieces if place <= offset < place + size), None)
    for start, place, size in pieces:
        if at is not None and start <= at < start + size:
            part = content[place + at - start:place + min(size, at - start + length - len(data))]
            data, at = data + part, at + len(part)
    return data


def read_commit(content, offset, pieces):
    _, crc, kind, length, _, first, stream, _, _, rows, catalogue = RECORD.unpack_from(content, offset)
    end = RECORD.size + length
    record = read(content, offset, end, pieces) if rows else b""
    if len(record) < end or crc32c(record[8:]) != crc:
        return None
    kind, payload = RECORDS[kind & 255], bytes(record[RECORD.size:])
    decoded, _ = decode(payload, rows)
    heavy = {first + place: row[0] for place, row in enumerate(decoded) if row[0] != 1}
    return Commit(kind, f"{stream:016x}", first, rows, crc32c(payload), digest(decoded, first, catalogue), heavy,
                  superseded(payload) if kind == "summary" else [])
