"""How many of some rows hold each value of a keyword field, exactly.

Few rows are read one by one. Where they are many, every value's list of rows is gone through
instead: that takes as long however many match, and a row in it costs half.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from app.corpus.documents import KeywordColumn
from app.domain.arrays import I32, I64, Bools, Rows

READ_COST = 2  # rows of a list that are gone through in the time of reading one row's value


def count_values(column: KeywordColumn, counted: int, rows: Rows) -> tuple[I64, int]:
    """Return how many of the rows have each value, (values,), and how many have any.

    rows: (n,) ascending; `counted` is of `Documents`. A row that lists a value twice counts once.
    """
    codes, postings, size = column.codes, column.postings, len(column.names)
    own = int(np.searchsorted(rows, counted))
    listed = codes.values.size / max(len(codes), 1) * own
    if listed * READ_COST < postings.values.size:
        few: tuple[I64, int] = _count_codes(codes.offsets, codes.values, rows, size)
        return few
    counts: I64
    counts, having = _count_codes(codes.offsets, codes.values, rows[own:], size)
    is_wanted = np.zeros(counted, np.bool_)
    more: I64 = _count_lists(postings.offsets, postings.values, rows[:own], is_wanted)
    counts[: more.size] += more
    return counts, int(having + _count_any(codes.offsets, rows[:own]))


@njit(cache=True, nogil=True)
def _count_codes(offsets: I64, codes: I32, rows: Rows, size: int) -> tuple[I64, int]:
    counts, having = np.zeros(size, np.int64), 0
    for row in rows:
        start, end = offsets[row], offsets[row + 1]
        having += end > start
        for at in range(start, end):
            is_first = True
            for before in range(start, at):
                is_first = is_first and codes[before] != codes[at]
            counts[codes[at]] += is_first
    return counts, having


@njit(cache=True, nogil=True)
def _count_lists(offsets: I64, listed: Rows, rows: Rows, is_wanted: Bools) -> I64:
    """Count in each list, which ascends, the rows that are wanted; `is_wanted` comes empty."""
    for row in rows:
        is_wanted[row] = True
    counts = np.zeros(offsets.size - 1, np.int64)
    for code in range(counts.size):
        total, before = 0, -1
        for at in range(offsets[code], offsets[code + 1]):
            row = listed[at]
            total += is_wanted[row] & (row != before)
            before = row
        counts[code] = total
    return counts


@njit(cache=True, nogil=True)
def _count_any(offsets: I64, rows: Rows) -> int:
    having = 0
    for row in rows:
        having += offsets[row + 1] > offsets[row]
    return having
