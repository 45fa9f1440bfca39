"""pair_*: query × document and person × document, for every candidate whoever found it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numba import njit

from app.corpus.geometry import haversine_km
from app.domain.arrays import F32, F64, I32, I64, Rows
from app.domain.errors import InvalidInput
from app.features.embedding_inputs import clicked_cosine, taste_cosine
from app.features.lookup import NAN, Inputs, unknown
from app.features.row_slots import (
    last_times,
    spread,
    spread_lists,
    spread_shares,
)
from app.features.text_match import FIELD_MATCHES

RECENT = 50
"""Item-to-item looks at so many of the person's latest documents."""
LINE = 16  # float32 in a cache line
HALF_LIFE_MS = 30 * 86_400_000.0
_MATCH = {name: place for place, name in enumerate(FIELD_MATCHES)}


def pair_input(lookup: Inputs, base: str, field: str) -> Any:
    name = base.removeprefix("pair_")
    if name in _MATCH:
        return _text(lookup, name, field)
    if name == "model":
        return _model(lookup, field)
    if name == "affinity":
        return _affinity(lookup, field)
    if name in _SOURCES and not field:
        return _SOURCES[name](lookup)
    raise unknown(base, field)


def _text(lookup: Inputs, name: str, field: str) -> Any:
    place = lookup.ctx.snapshot.documents.rows.text_fields.get(field)
    if place is None or not lookup.ctx.query.terms:
        return NAN
    return lookup.records.text[:, place, _MATCH[name]]


def _model(lookup: Inputs, field: str) -> Any:
    """What another released model says."""
    if field not in lookup.models:
        raise InvalidInput(
            f"model({field}) asks a model that is not open; open: {', '.join(lookup.models)}"
        )
    return lookup.ask(lookup.models[field])


def _any_coverage(lookup: Inputs) -> Any:
    """The best of all fields."""
    return lookup.records.any_coverage if lookup.ctx.query.terms else NAN


def _cosine(lookup: Inputs) -> Any:
    vectors, vector = lookup.ctx.snapshot.documents.vectors, lookup.ctx.query.vector
    if vectors is None or vector is None:
        return NAN
    return dot_rows(vectors, lookup.rows, vector)


@njit(cache=True, nogil=True)
def dot_rows(vectors: F32, rows: Rows, vector: F32) -> F32:
    """Dot product of each row, alone: a BLAS block product gives other bits for other blocks.

    Eight rows go side by side, each with its own sum in the same order: one sum waits for itself,
    and one row for its memory. Before that all are touched, as in row_pass.
    """
    out, touched = np.empty(rows.size, np.float32), np.float32(0.0)
    for i in range(rows.size):
        for j in range(0, vector.size, LINE):
            touched = max(touched, vectors[rows[i], j])
    if touched == np.inf:  # never, but so the compiler keeps the touching
        return out
    whole = rows.size - rows.size % 8
    for i in range(0, whole, 8):
        a = b = c = d = e = f = g = h = np.float32(0.0)
        p, q, r, s = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        t, u, v, w = rows[i + 4], rows[i + 5], rows[i + 6], rows[i + 7]
        for j in range(vector.size):
            x = vector[j]
            a += vectors[p, j] * x
            b += vectors[q, j] * x
            c += vectors[r, j] * x
            d += vectors[s, j] * x
            e += vectors[t, j] * x
            f += vectors[u, j] * x
            g += vectors[v, j] * x
            h += vectors[w, j] * x
        out[i], out[i + 1], out[i + 2], out[i + 3] = a, b, c, d
        out[i + 4], out[i + 5], out[i + 6], out[i + 7] = e, f, g, h
    for i in range(whole, rows.size):
        a = np.float32(0.0)
        for j in range(vector.size):
            a += vectors[rows[i], j] * vector[j]
        out[i] = a
    return out


def _distance(lookup: Inputs) -> Any:
    documents, origin = lookup.ctx.snapshot.documents, lookup.ctx.query.origin
    if origin is None or not documents.has_places:
        return NAN
    places, (numbers, _) = documents.rows.number_fields, lookup.heads
    lats, lons = numbers[places["lat"]], numbers[places["lon"]]
    return haversine_km(origin.lat, origin.lon, lats, lons).astype(np.float32)


def _query_memory(lookup: Inputs) -> Any:
    return spread(lookup.table, lookup.rows, *lookup.get("query_memory"))


def _user_gain(lookup: Inputs) -> Any:
    return spread(lookup.table, lookup.rows, lookup.ctx.user.rows, lookup.ctx.user.weights)


def _term_memory(lookup: Inputs) -> Any:
    """Mean over the query's terms of the share of that term's gain."""
    tables, terms = lookup.ctx.tables, lookup.ctx.query.terms
    if tables.terms is None or not terms:
        return np.zeros(lookup.rows.size, np.float32)
    clicked = tables.terms.clicked
    return spread_shares(
        lookup.table, lookup.rows, tables.terms.texts.find_all(terms),
        clicked.others.offsets, clicked.others.values, clicked.scores, tables.row_of,
    )  # fmt: skip


def _affinity(lookup: Inputs, field: str) -> Any:
    place = lookup.ctx.snapshot.documents.rows.code_fields.get(field)
    preference = lookup.ctx.user.preferences.get(field)
    if place is None or preference is None or not preference.codes.size:
        return NAN
    return lookup.records.affinities[:, place]


def _neighbours(lookup: Inputs) -> Any:
    """Decayed weight × similarity of each row near what the person did lately."""
    tables, user = lookup.ctx.tables, lookup.ctx.user
    if tables.neighbours is None:
        return np.zeros(lookup.rows.size, np.float32)
    near = tables.neighbours
    return _spread_fading(
        lookup.table, lookup.rows, tables.ordinal_of, user.rows, user.times_ms, user.weights,
        lookup.ctx.query.now_ms, near.others.offsets, near.others.values, near.scores,
        tables.row_of,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _spread_fading(
    table: I32, rows: Rows, ordinal_of: I32, acted_on: Rows, times_ms: I64, gains: F32,
    now_ms: int, offsets: I64, ordinals: I32, scores: F32, row_of: I32,
) -> F32:  # fmt: skip
    """Sum what is near the RECENT newest rows that were acted on, by what their gains are now."""
    lists = np.empty(min(acted_on.size, RECENT), np.int32)
    for i in range(lists.size):
        lists[i] = ordinal_of[acted_on[i]]
    weights = fading(times_ms[: lists.size], gains[: lists.size], now_ms)
    found: F32 = spread_lists(
        table, rows, lists, weights, offsets, ordinals, scores, row_of
    )  # fmt: skip
    return found


@njit(cache=True, nogil=True)
def fading(times_ms: I64, gains: F32, now_ms: int) -> F64:
    """Return each action's gain, halved every HALF_LIFE_MS. (m,)"""
    out = np.empty(gains.size, np.float64)
    for i in range(gains.size):
        out[i] = gains[i] * 2.0 ** (-max(now_ms - times_ms[i], 0) / HALF_LIFE_MS)
    return out


def _last_times(lookup: Inputs) -> Any:
    user = lookup.ctx.user
    return last_times(lookup.table, lookup.rows, user.rows, user.times_ms)


_SOURCES: Mapping[str, Callable[[Inputs], Any]] = {
    "any_coverage": _any_coverage,
    "cosine": _cosine,
    "distance_km": _distance,
    "query_memory": _query_memory,
    "term_memory": _term_memory,
    "neighbour": _neighbours,
    "user_gain": _user_gain,
    "user_time_ms": _last_times,
    "clicked_cosine": clicked_cosine,
    "taste_cosine": taste_cosine,
}
