"""Counters of impressions and clicks as inputs, `name[window]`: one block is read once a request.

doc_window_* by row, doc_category_* and doc_brand_* by the row's value, pair_window_* by query ×
document, query_window_* by query, query_hour_* by hour of the day (UTC), query_cell_* by where the
person is. NaN where nothing was counted: for documents no tables, for pairs a query never typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.domain.arrays import F32
from app.features.lookup import NAN, Inputs
from app.snapshot.counters import (
    HOUR_MS,
    HOURS_A_DAY,
    WINDOWS,
    Counters,
    find_cell,
    picked,
    window_of,
)


def counter_input(lookup: Inputs, base: str, field: str) -> Any:
    counters, window = lookup.ctx.tables.windows, window_of(field)
    if counters is None:
        return NAN
    source, is_rate = COUNTER_INPUTS[base]
    return source(lookup, counters, window + is_rate * len(WINDOWS))


def _document(lookup: Inputs, counters: Counters, column: int) -> Any:
    return _kept(lookup, "document", lambda: counters.documents.take(lookup.rows, axis=0))[
        :, column
    ]


def _of_field(name: str) -> Source:
    def source(lookup: Inputs, counters: Counters, column: int) -> Any:
        field = counters.fields.get(name)
        if field is None:
            return NAN
        block = _kept(lookup, name, lambda: field.block.take(field.codes.take(lookup.rows), axis=0))
        return block[:, column]

    return source


def _pair(lookup: Inputs, counters: Counters, column: int) -> Any:
    memory = lookup.memory
    return NAN if memory.query < 0 else memory.pairs[:, column]


def _query(lookup: Inputs, counters: Counters, column: int) -> Any:
    return _scalar(counters, "queries", lookup.memory.query, column)


def _hour(lookup: Inputs, counters: Counters, column: int) -> Any:
    hour = lookup.ctx.query.now_ms // HOUR_MS % HOURS_A_DAY
    return _scalar(counters, "hours", hour, column)


def _cell(lookup: Inputs, counters: Counters, column: int) -> Any:
    origin = lookup.ctx.query.origin
    if origin is None:
        return NAN
    cell = find_cell(counters.counted.cells, origin.lat, origin.lon)
    return _scalar(counters, "places", cell, column)


def _scalar(counters: Counters, family: str, key: int, column: int) -> float:
    counted, window = counters.counted, column % len(WINDOWS)
    block: F32 = getattr(counted, family)
    return picked(block, key, counted.prior(family), window)[column // len(WINDOWS)]


def _kept(lookup: Inputs, name: str, compute: Callable[[], Any]) -> Any:
    """Compute once a request; "counted" is no scope, so that no input has such a name."""
    key = f"counted[{name}]"
    if key not in lookup.memo:
        lookup.memo[key] = compute()
    return lookup.memo[key]


Source = Callable[[Inputs, Counters, int], Any]
"""Takes the column: a window's impressions, or its rates behind all impressions."""

COUNTER_INPUTS: Mapping[str, tuple[Source, bool]] = {
    "doc_window_impressions": (_document, False),
    "doc_window_ctr": (_document, True),
    "doc_category_ctr": (_of_field("category"), True),
    "doc_brand_ctr": (_of_field("brand"), True),
    "pair_window_impressions": (_pair, False),
    "pair_window_ctr": (_pair, True),
    "query_window_impressions": (_query, False),
    "query_window_ctr": (_query, True),
    "query_hour_ctr": (_hour, True),
    "query_cell_ctr": (_cell, True),
}
"""Input → who knows it, and whether it is the rate."""
