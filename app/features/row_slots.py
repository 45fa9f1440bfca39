"""Which candidate a row is, by a small hash table built once a request: row → its place.

Behaviour tells of rows (clicked after this query, near what the person saw), a few of which are
candidates. Open addressing with linear probing at most a quarter full, Fibonacci hashing (Knuth,
The Art of Computer Programming, vol. 3, 6.4).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from app.domain.arrays import F32, F64, I32, I64, Rows
from app.snapshot.counters import rate

EMPTY = -1


@njit(cache=True, nogil=True)
def index_rows(rows: Rows) -> I32:
    """Return the table: a power of two of slots, each a place in `rows` or EMPTY."""
    size = 16
    while size < 4 * rows.size:
        size *= 2
    table = np.full(size, EMPTY, np.int32)
    for place in range(rows.size):
        at = _slot(rows[place], size)
        while table[at] != EMPTY:
            at = (at + 1) & (size - 1)
        table[at] = place
    return table


@njit(cache=True, nogil=True)
def place_of(table: I32, rows: Rows, row: int) -> int:
    """Return where the row stands in `rows`, EMPTY where it does not."""
    at = _slot(row, table.size)
    while table[at] != EMPTY and rows[table[at]] != row:
        at = (at + 1) & (table.size - 1)
    return int(table[at])


@njit(cache=True, nogil=True)
def last_times(table: I32, rows: Rows, acted_on: Rows, times_ms: I64) -> F64:
    """When each row was last acted on, NaN where never; `acted_on` is unique. (n,)"""
    out = np.full(rows.size, np.nan)
    for i in range(acted_on.size):
        place = place_of(table, rows, acted_on[i])
        if place != EMPTY:
            out[place] = times_ms[i]
    return out


@njit(cache=True, nogil=True)
def spread(table: I32, rows: Rows, found: Rows, values: F32) -> F32:
    """Sum the values of each candidate row; 0 for rows that were not found. (n,)"""
    out = np.zeros(rows.size, np.float32)
    for i in range(found.size):
        place = place_of(table, rows, found[i])
        if place != EMPTY:
            out[place] += values[i]
    return out


@njit(cache=True, nogil=True)
def spread_lists(
    table: I32,
    rows: Rows,
    lists: I32,
    weights: F64,
    offsets: I64,
    ordinals: I32,
    scores: F32,
    row_of: I32,
) -> F32:
    """Sum weight × score over some lists of ordinals; a negative list is empty. (n,)

    List i is ordinals[offsets[i]:offsets[i + 1]], and row_of[ordinal] is -1 where the row is gone.
    """
    out = np.zeros(rows.size, np.float32)
    for k in range(lists.size):
        if lists[k] < 0:
            continue
        for i in range(offsets[lists[k]], offsets[lists[k] + 1]):
            place = place_of(table, rows, row_of[ordinals[i]])
            if place != EMPTY:
                out[place] += np.float32(scores[i] * weights[k])
    return out


@njit(cache=True, nogil=True)
def spread_shares(
    table: I32, rows: Rows, lists: I32, offsets: I64, ordinals: I32, scores: F32, row_of: I32
) -> F32:
    """Mean over the lists of each row's share of the list's whole score. (n,)

    A negative list is empty and counts; a document that is gone takes no share.
    """
    out = np.zeros(rows.size, np.float32)
    for which in lists:
        if which < 0:
            continue
        whole = np.float32(0.0)
        for i in range(offsets[which], offsets[which + 1]):
            if row_of[ordinals[i]] >= 0:
                whole += scores[i]
        for i in range(offsets[which], offsets[which + 1]):
            place = place_of(table, rows, row_of[ordinals[i]])
            if place != EMPTY:
                out[place] += scores[i] / whole
    return out / np.float32(max(lists.size, 1))


@njit(cache=True, nogil=True)
def spread_counts(
    table: I32, rows: Rows, row_of: I32, ordinals: I32, counts: F32, alpha: float, beta: float
) -> F32:
    """Give each candidate its impressions and smoothed rates; the prior where it has none. (n, c)

    `counts` has a row an ordinal, as in snapshot.counters; row_of[ordinal] is -1 where it is gone.
    """
    width = counts.shape[1] // 2
    out = np.zeros((rows.size, 2 * width), np.float32)
    out[:, width:] = rate(0.0, 0.0, alpha, beta)
    for i in range(ordinals.size):
        place = place_of(table, rows, row_of[ordinals[i]])
        if place != EMPTY:
            for w in range(width):
                out[place, w] = counts[i, w]
                out[place, width + w] = rate(counts[i, w], counts[i, width + w], alpha, beta)
    return out


@njit(cache=True, nogil=True)
def _slot(row: int, size: int) -> int:
    """Multiply by 2³² ÷ the golden ratio, and keep the upper of the lower 32 bits."""
    return ((row * 2654435769) >> 16) & (size - 1)
