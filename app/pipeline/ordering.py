"""Sorting the whole match set by fields or distance: exact, whatever the channels would find."""

from __future__ import annotations

import numpy as np

from app.corpus.geometry import haversine_km
from app.domain.arrays import F64, I64, Rows
from app.domain.query import DISTANCE, SortKey
from app.recall.newer import numbers_of
from app.snapshot.context import SearchContext


def sorted_rows(ctx: SearchContext, rows: Rows, end: int) -> Rows:
    """Return the first `end` rows in the order asked for; equal ones by row, missing ones last.

    rows: (n,) ascending
    """
    keys = [_values(ctx, key, rows) for key in ctx.query.sort]
    first = _first(keys[0], end)
    order = np.lexsort(np.stack([rows[first], *(key[first] for key in reversed(keys))]))
    ordered: Rows = rows[first[order[:end]]]
    return ordered


def _first(key: F64, end: int) -> I64:
    """Return the places that may be among the first `end` by this key, which counts most."""
    if end >= key.size:
        return np.arange(key.size)
    return np.flatnonzero(key <= np.partition(key, end - 1)[end - 1])


def _values(ctx: SearchContext, key: SortKey, rows: Rows) -> F64:
    """Return what to sort by, ascending; what is missing is infinite. (n,)"""
    values = _distances(ctx, rows) if key.field == DISTANCE else _column(ctx, key.field, rows)
    signed = -values if key.is_descending else values
    return np.where(np.isnan(signed), np.inf, signed)


def _column(ctx: SearchContext, field: str, rows: Rows) -> F64:
    return numbers_of(ctx.snapshot, rows, (field,))[field]


def _distances(ctx: SearchContext, rows: Rows) -> F64:
    origin, documents = ctx.query.origin, ctx.snapshot.documents
    if origin is None or not documents.has_places:
        return np.full(rows.size, np.nan)
    lats, lons = documents.numbers["lat"][rows], documents.numbers["lon"][rows]
    return haversine_km(origin.lat, origin.lon, lats, lons)
