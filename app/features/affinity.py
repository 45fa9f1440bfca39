"""How much of a person's past gains went to what each candidate is: category, tags, brand."""

from __future__ import annotations

import numpy as np
from numba import njit

from app.corpus.row_store import FIRST_TOKENS, Layout, RowStore
from app.domain.arrays import F32, I32, I64, Rows
from app.domain.user import UserState


def affinities(store: RowStore, rows: Rows, user: UserState) -> F32:
    """Return the summed weight of each row's codes in each preference field. (fields, rows)"""
    held = [user.preferences.get(field) for field in store.code_fields]
    codes = [h.codes if h else np.empty(0, np.int32) for h in held]
    weights = [h.weights if h else np.empty(0, np.float32) for h in held]
    ends = np.cumsum([c.size for c in codes], dtype=np.int64)
    sums: F32 = sum_affinities(
        store.records.offsets, store.records.values, store.layout, rows, ends,
        np.concatenate(codes or [np.empty(0, np.int32)]),
        np.concatenate(weights or [np.empty(0, np.float32)]),
    )  # fmt: skip
    return sums


@njit(cache=True, nogil=True)
def sum_affinities(
    offsets: I64, values: I32, layout: Layout, rows: Rows, ends: I64, codes: I32, weights: F32
) -> F32:
    """Look each row's codes up: field p's preference is codes[ends[p - 1]:ends[p]], ascending."""
    out = np.zeros((ends.size, rows.size), np.float32)
    sieve = np.uint64(0)
    for code in codes:
        sieve |= np.uint64(1) << np.uint64(code & 63)
    for i in range(rows.size):
        start = offsets[rows[i]]
        at = start + layout.header
        for f in range(layout.fields):
            at += min(int(values[start + layout.lengths + f]), FIRST_TOKENS)
        first = np.int64(0)
        for p in range(ends.size):
            total = np.float32(0.0)
            for _ in range(values[start + layout.counts + p]):
                if sieve >> np.uint64(values[at] & 63) & np.uint64(1):  # few codes are liked
                    known = _lower_bound(codes, first, ends[p], values[at])
                    if known < ends[p] and codes[known] == values[at]:
                        total += weights[known]
                at += 1
            out[p, i] = total
            first = ends[p]
    return out


@njit(cache=True, nogil=True)
def _lower_bound(codes: I32, first: int, end: int, code: int) -> int:
    """The first place from `first` whose code is not below: a slice for searchsorted costs more."""
    while first < end:
        middle = (first + end) // 2
        if codes[middle] < code:
            first = middle + 1
        else:
            end = middle
    return first
