"""The best k of rows that are scored one after another, in a heap of whole numbers.

A key is the bits of a score that is not negative, which are in the order of the floats (IEEE 754),
and then the row counted down from the last: equal scores go by row.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from app.domain.arrays import F32, I64, Rows
from app.recall.key_order import falling

LAST_ROW = (1 << 31) - 1


@njit(cache=True, nogil=True)
def key_of(score: float, row: int) -> np.int64:
    """Return the key of a score from 0 up; topk.key_of also orders those below, at a step more."""
    return (np.int64(np.float32(score).view(np.int32)) << 32) | (LAST_ROW - row)


@njit(cache=True, nogil=True)
def score_of(key: np.int64) -> np.float32:
    return np.int32(key >> 32).view(np.float32)


@njit(cache=True, nogil=True)
def keep(heap: I64, key: np.int64) -> None:
    """Put a key above the least, which is heap[0], in the place of that."""
    if key <= heap[0]:
        return
    at, child = 0, 1
    while child < heap.size:
        if child + 1 < heap.size and heap[child + 1] < heap[child]:
            child += 1
        if key <= heap[child]:
            break
        heap[at] = heap[child]
        at, child = child, 2 * child + 1
    heap[at] = key


def rows_of(heap: I64) -> tuple[Rows, F32]:
    """Return rows and scores of keys by (−score, row); 0 was never filled."""
    found: tuple[Rows, F32] = read(heap)
    return found


@njit(cache=True, nogil=True)
def read(keys: I64) -> tuple[Rows, F32]:
    """Do what `rows_of` does, for kernels."""
    rows, scores, size = np.empty(keys.size, np.int32), np.empty(keys.size, np.float32), 0
    for key in falling(keys):
        rows[size], scores[size] = LAST_ROW - (key & LAST_ROW), score_of(key)
        size += key > 0
    return rows[:size], scores[:size]
