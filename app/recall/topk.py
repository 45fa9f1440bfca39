"""The best k of scored rows, exactly: by score, and equal scores by row."""

from __future__ import annotations

import numpy as np
from numba import njit

from app.domain.arrays import F32, I64, Rows

LAST_ROW = (1 << 31) - 1


def top_rows(rows: Rows, scores: F32, k: int) -> tuple[Rows, F32]:
    """Return the best k (all, if fewer) by (−score, row). Rows must be unique, scores no NaN."""
    keys = _keys(rows, scores)
    if rows.size > max(4 * k, 1024):
        keys = np.partition(keys, rows.size - k)[rows.size - k :]
    keys.sort()  # NumPy's sort is vector code, numba's is not
    best: tuple[Rows, F32] = _read(keys, min(k, keys.size))
    return best


@njit(cache=True, nogil=True)
def _keys(rows: Rows, scores: F32) -> I64:
    """Return one number a row, greater for the better. (m,)

    Its upper half are the score's bits, turned where negative so that they rise with the score
    (IEEE 754); its lower half the row, counted down from the last.
    """
    keys = np.empty(rows.size, np.int64)
    for i in range(rows.size):
        bits = np.float32(scores[i] + np.float32(0)).view(np.int32)  # + 0: minus nought is nought
        bits ^= (bits >> np.int32(31)) & np.int32(LAST_ROW)
        keys[i] = (np.int64(bits) << 32) | (LAST_ROW - rows[i])
    return keys


@njit(cache=True, nogil=True)
def _read(keys: I64, k: int) -> tuple[Rows, F32]:
    """Return rows and scores of the last k keys, the last one first."""
    rows, scores = np.empty(k, np.int32), np.empty(k, np.float32)
    for i in range(k):
        key = keys[keys.size - 1 - i]
        bits = np.int32(key >> 32)
        bits ^= (bits >> np.int32(31)) & np.int32(LAST_ROW)
        rows[i], scores[i] = LAST_ROW - (key & LAST_ROW), np.int32(bits).view(np.float32)
    return rows, scores
