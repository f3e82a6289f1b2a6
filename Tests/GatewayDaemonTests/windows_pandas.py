"""Holds windows against numpy and pandas: `windows_pandas.py FILE` prints "ok N windows", or what differs.

FILE: {"length": µs, "slide": µs, "readings": [[µs, value, quality]], "rows": [{"end": µs, statistic: value, …}]}; value
is null where the reading failed, quality 0 good, 1 uncertain, 2 bad.
"""

import json
import sys

import numpy as np
import pandas as pd

with open(sys.argv[1]) as file:
    given = json.load(file)
frame = pd.DataFrame(given["readings"], columns=["time", "value", "quality"])
frame["value"] = frame["value"].astype(float)
frame["counts"] = frame["value"].notna() & (frame["quality"] < 2)
valid = frame[frame["counts"]].copy()
valid["before"] = valid["value"].shift()
valid["elapsed"] = valid["time"].diff() / 1e6
# How long each reading held: until the next one of any kind.
frame["until"] = frame["time"].shift(-1)


def held(start, end, last):
    """(value, seconds) of each reading that held in the window; the last one of the series holds to its end."""
    part = frame[frame["counts"] & (frame["time"] < end)].copy()
    part["until"] = part["until"].fillna(last)
    part["from"] = part["time"].clip(lower=start)
    part["to"] = part["until"].clip(upper=end)
    part["seconds"] = (part["to"] - part["from"]) / 1e6
    return part[part["seconds"] > 0][["value", "seconds"]]


def expected(end):
    start = end - given["length"]
    rows = frame[(frame["time"] >= start) & (frame["time"] < end)]
    part = valid[(valid["time"] >= start) & (valid["time"] < end)]
    value = part["value"]
    yield "count", len(part), 0
    yield "bad", len(rows) - len(part), 0
    yield "good", (rows["counts"] & (rows["quality"] == 0)).sum() / len(rows), 1e-12
    if len(part) == 0:
        return
    for name in ["mean", "min", "max", "sum"]:
        yield name, getattr(value, name)(), 1e-12
    yield "first", value.iloc[0], 0
    yield "last", value.iloc[-1], 0
    yield "range", value.max() - value.min(), 1e-12
    yield "stddev", value.std() if len(part) > 1 else 0, 1e-9
    for name, quantile in [("p50", 50), ("p90", 90), ("p99", 99)]:
        yield name, np.percentile(value, quantile, method="lower"), 0.0101
    changed = part[part["before"].notna()]
    yield "transitions", (changed["value"] != changed["before"]).sum(), 0
    yield "increase", (changed["value"] - changed["before"]).clip(lower=0).sum(), 1e-9
    if changed["elapsed"].sum() > 0:
        yield "rate", (changed["value"] - changed["before"]).clip(lower=0).sum() / changed["elapsed"].sum(), 1e-9
    stays = held(start, end, end)
    if stays["seconds"].sum() > 0:
        yield "twmean", (stays["value"] * stays["seconds"]).sum() / stays["seconds"].sum(), 1e-9
    for state, seconds in stays.groupby("value")["seconds"].sum().items():
        yield f"durations_{state:g}", seconds, 1e-9
    vector = np.exp(1j * np.radians(value)).sum()
    if abs(vector) > 1e-6:
        yield "vmean", np.degrees(np.angle(vector)) % 360, 1e-9


wrong = []
for row in given["rows"]:
    known = {name: (value, tolerance) for name, value, tolerance in expected(row["end"])}
    for name in set(known) | set(row) - {"end"}:
        value, tolerance = known.get(name, (None, 0))
        told = row.get(name)
        if value is None or told is None or abs(told - value) > tolerance * max(1, abs(value)):
            if name == "vmean" and told is not None and value is not None and abs(abs(told - value) - 360) < 1e-6:
                continue
            wrong.append(f"window to {row['end']}: {name} is {told}, should be {value}")
print("\n".join(wrong[:20]) if wrong else f"ok {len(given['rows'])} windows")
