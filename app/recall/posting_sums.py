"""Adds up what rows are worth over a few lists of them, and keeps the best: block by block, so that
the sums stay in the first-level cache and a catalogue's other rows cost nothing.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from app.domain.arrays import F32, F64, I64, Bools, Rows
from app.recall.best_heap import keep, key_of, score_of
from app.recall.liked_lists import TIE

BLOCK = 4096


@njit(cache=True, nogil=True)
def add_up(rows: Rows, starts: I64, parts: I64, worths: F64, n: int) -> tuple[Rows, F32]:
    """Return the rows that stand in any list, ascending, and Σ worth of the parts each is in.

    List i is rows[starts[i]:starts[i + 1]], ascending, of part parts[i] < 64. A row that stands in
    several lists of one part counts once. (m,) and (m,)
    """
    found, sums, size = np.empty(rows.size, np.int32), np.empty(rows.size, np.float32), 0
    cursors, seen = starts[:-1].copy(), np.zeros(BLOCK, np.uint64)
    total = np.zeros(BLOCK, np.float32)
    for first in range(0, n, BLOCK):
        touched = False
        for i in range(parts.size):
            bit, worth = np.uint64(1) << np.uint64(parts[i]), np.float32(worths[parts[i]])
            at = cursors[i]
            while at < starts[i + 1] and rows[at] < first + BLOCK:
                local = rows[at] - first
                if not seen[local] & bit:
                    seen[local] |= bit
                    total[local] += worth
                at += 1
                touched = True
            cursors[i] = at
        for local in range(BLOCK if touched else 0):
            if seen[local]:
                found[size], sums[size] = first + local, total[local]
                size += 1
                seen[local], total[local] = np.uint64(0), np.float32(0)
    return found[:size], sums[:size]


@njit(cache=True, nogil=True)
def best_of(rows: Rows, met: F32, liked: F32, allowed: Bools, k: int) -> I64:
    """Return keys of the best k rows by met + TIE · liked, as a heap; `allowed` (0,) allows all.

    A row that meets nothing is none of them.
    """
    heap = np.zeros(k, np.int64)
    floor = np.float32(0)
    for i in range(rows.size):
        row = rows[i]
        if met[i] > 0 and met[i] + TIE >= floor and (not allowed.size or allowed[row]):
            keep(heap, key_of(met[i] + TIE * liked[row], row))
            floor = score_of(heap[0])
    return heap
