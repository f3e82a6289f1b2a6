#!/usr/bin/env python3
"""Judges series as ioos_qc does (pip install ioos_qc numpy pandas).

stdin, for each case, three lines: `case TEST PARAMETER...`, `times SECOND...`, `values NUMBER|nan...`
stdout: the same, and a line `flags 1|2|3|4|9...` behind them (QARTOD's flags).
With `make SEED` instead: series of its own making, for Fixtures/qartod.txt.

range BAD_LEAST BAD_MOST SUSPECT_LEAST SUSPECT_MOST | rate PER_SECOND | spike SUSPECT BAD
flat TOLERANCE SUSPECT_SECONDS BAD_SECONDS | std SUSPECT BAD PERIOD | range-over SUSPECT BAD PERIOD
"""

import importlib.metadata
import random
import sys
import warnings

import numpy as np
from ioos_qc import qartod


def judge(words, times, values):
    test, numbers = words[0], [float(word) for word in words[1:]]
    if test == "range":
        return qartod.gross_range_test(values, numbers[0:2], numbers[2:4])
    if test == "rate":
        return qartod.rate_of_change_test(values, times, numbers[0])
    if test == "spike":
        return qartod.spike_test(values, numbers[0], numbers[1])
    if test == "flat":
        return qartod.flat_line_test(values, times, int(numbers[1]), int(numbers[2]), numbers[0])
    kind = {"std": "std", "range-over": "range"}[test]
    return qartod.attenuated_signal_test(
        values, times, numbers[0], numbers[1], int(numbers[2]), check_type=kind
    )


def answer(lines):
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    for case, times, values in zip(rows[0::3], rows[1::3], rows[2::3]):
        seconds = np.array([int(t) for t in times[1:]], dtype="datetime64[s]").astype("datetime64[ns]")
        flags = judge(case[1:], seconds, np.array([float(v) for v in values[1:]]))
        for row in (case, times, values):
            print(*row)
        print("flags", *(int(flag) for flag in np.ma.filled(flags, 9)))


def series(kind, rng, length):
    """Smooth, noisy, stuck, stepping, spiky, on a threshold, with holes."""
    values, level = [], 20.0
    for index in range(length):
        if kind == "walk":
            level += rng.gauss(0, 0.4)
        elif kind == "stuck":
            level += rng.gauss(0, 0.3) if rng.random() < 0.15 else 0.0
        elif kind == "coarse":
            level = 20 + round(rng.gauss(0, 0.12), 1)
        elif kind == "steps":
            level = 20 + 3 * ((index // 9) % 2) + rng.gauss(0, 0.02)
        elif kind == "spiky":
            level = 20 + rng.gauss(0, 0.5) + (rng.choice([-9, -3, 3, 9]) if rng.random() < 0.1 else 0)
        elif kind == "edge":
            level = 20 + rng.choice([0.0, 0.5, 1.0, 2.0, 4.0, -2.0])
        hole = kind != "edge" and rng.random() < 0.06
        values.append("nan" if hole else repr(level))
    return values


def make(seed):
    rng = random.Random(seed)
    cases = []
    for kind in ("walk", "stuck", "coarse", "steps", "spiky", "edge"):
        for test in (
            "range 17 25 18.5 22", "rate 0.0166", "spike 1 3", "flat 0.5 120 300",
            "std 0.4 0.1 240", "range-over 1 0.25 240",
        ):
            values = series(kind, rng, 80)
            cases += [f"case {test}", "times " + " ".join(str(30 * i) for i in range(80)), "values " + " ".join(values)]
    return cases


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:2] == ["make"]:
        names = ("ioos_qc", "numpy", "pandas")
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
        print(f"# Made by qartod_reference.py make {sys.argv[2]} ({versions}).")
        answer(make(int(sys.argv[2])))
    else:
        answer(sys.stdin)
