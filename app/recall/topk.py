"""The best k of scored rows, exactly: by score, and equal scores by row."""

from __future__ import annotations

import numpy as np
from numba import njit

from app.corpus.quickselect import put_largest_first
from app.domain.arrays import F32, I64, Rows
from app.recall.key_order import falling

LAST_ROW = (1 << 31) - 1


def top_rows(rows: Rows, scores: F32, k: int) -> tuple[Rows, F32]:
    """Return the best k (all, if fewer) by (−score, row). Rows must be unique, scores no NaN."""
    return top_keys(_keys(rows, scores), k)


def top_keys(keys: I64, k: int) -> tuple[Rows, F32]:
    """Return rows and scores of the best k of `key_of`'s keys, the best first. Sorts `keys`."""
    if keys.size > max(4 * k, 1024):
        keys = np.partition(keys, keys.size - k)[keys.size - k :]
    keys.sort()  # NumPy's sort is vector code, numba's is not
    best: tuple[Rows, F32] = _read(keys, min(k, keys.size))
    return best


def add_keys(rows: Rows, scores: F32, keys: I64, k: int) -> tuple[Rows, F32]:
    """Put ranked rows and keys of other rows in one order and keep the best k, by (−score, row).

    Keys below the k-th of the ranked rows are passed over: mostly that is nearly all of them.
    """
    joined: I64 = _joined(rows[:k], scores[:k], keys, k)
    return top_keys(joined, k) if joined.size else (rows[:k], scores[:k])


def add_rows(rows: Rows, scores: F32, more: Rows, their: F32, k: int) -> tuple[Rows, F32]:
    """Put ranked rows and other rows with their scores in one order and keep the best k."""
    return add_keys(rows, scores, _keys(more, their), k) if more.size else (rows[:k], scores[:k])


@njit(cache=True, nogil=True)
def key_of(score: np.float32, row: np.int32) -> np.int64:
    """Return one number for a row and its float32 score, greater for the better.

    Its upper half are the score's bits, turned where negative so that they rise with the score
    (IEEE 754); its lower half the row, counted down from the last.
    """
    bits = np.float32(score + np.float32(0)).view(np.int32)  # + 0: minus nought is nought
    bits ^= (bits >> np.int32(31)) & np.int32(LAST_ROW)
    return (np.int64(bits) << 32) | (LAST_ROW - row)


@njit(cache=True, nogil=True)
def ranked(keys: I64, k: int) -> tuple[Rows, F32]:
    """Do what `top_keys` does, for kernels, with few keys. May reorder them."""
    if keys.size > 2 * k:
        put_largest_first(keys, keys.size, k)
        keys = keys[:k]
    rising = falling(keys)[::-1]
    best: tuple[Rows, F32] = _read(rising, min(k, keys.size))
    return best


@njit(cache=True, nogil=True)
def _keys(rows: Rows, scores: F32) -> I64:
    keys = np.empty(rows.size, np.int64)
    for i in range(rows.size):
        keys[i] = key_of(scores[i], rows[i])
    return keys


@njit(cache=True, nogil=True)
def _joined(rows: Rows, scores: F32, keys: I64, k: int) -> I64:
    """Return keys of the ranked rows and those among `keys` that may be among the best k.

    None at all where no other is.
    """
    n = rows.size
    least = key_of(scores[n - 1], rows[n - 1]) if n >= k > 0 else np.int64(-1 << 63)
    joined, size = np.empty(n + keys.size, np.int64), n
    for key in keys:
        joined[size] = key
        size += key > least
    if size == n:
        return joined[:0]
    for i in range(n):
        joined[i] = key_of(scores[i], rows[i])
    return joined[:size]


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
