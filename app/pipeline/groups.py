"""One result for each brand or chain: the best stands for all, with how many there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from app.domain.arrays import I32, I64, Rows
from app.pipeline.value_counts import count_values
from app.snapshot.context import SearchContext


@dataclass(frozen=True, slots=True)
class Group:
    value: str | None  # None: the document has no value and stands for itself
    count: int  # matching documents of that value


def best_of_groups(ctx: SearchContext, field: str, rows: Rows) -> I64:
    """Return the places of the first row of each value, in their order. rows: (n,) best first"""
    best: I64 = _first_of_each(ctx.snapshot.documents.keywords[field].single(rows))
    return best


@njit(cache=True, nogil=True)
def _first_of_each(codes: I32) -> I64:
    seen, places, size = {np.int32(-2)}, np.empty(codes.size, np.int64), 0
    for i in range(codes.size):
        if codes[i] < 0 or codes[i] not in seen:
            seen.add(codes[i])
            places[size] = i
            size += 1
    return places[:size]


def groups_of(ctx: SearchContext, field: str, page: Rows, matching: Rows) -> tuple[Group, ...]:
    """Say of each row of a page which group it stands for and how many match in it."""
    column = ctx.snapshot.documents.keywords[field]
    counts, _ = count_values(column, ctx.snapshot.documents.counted, matching)
    return tuple(
        Group(None, 1) if code < 0 else Group(column.names.strings[code], max(int(counts[code]), 1))
        for code in column.single(page).tolist()
    )
