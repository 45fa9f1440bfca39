"""pair_*: query × document and person × document, for every candidate whoever found it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numba import njit

from app.corpus.geometry import haversine_km
from app.domain.arrays import F32, I32, I64, Rows
from app.domain.errors import InvalidInput
from app.features.lookup import NAN, Inputs, unknown
from app.features.row_slots import (
    EMPTY,
    find_places,
    index_rows,
    place_of,
    spread,
    spread_lists,
)
from app.features.text_match import FIELD_MATCHES, match_field

RECENT = 50
"""Item-to-item looks at so many of the person's latest documents."""
HALF_LIFE_MS = 30 * 86_400_000.0


def pair_input(lookup: Inputs, base: str, field: str) -> Any:
    name = base.removeprefix("pair_")
    if name in FIELD_MATCHES:
        return _text(lookup, name, field)
    if name == "model":
        return _model(lookup, field)
    if name == "affinity":
        return _affinity(lookup, field)
    if name in _SOURCES and not field:
        return _SOURCES[name](lookup)
    raise unknown(base, field)


def _text(lookup: Inputs, name: str, field: str) -> Any:
    """All matches of a field are computed in one pass and kept."""
    documents, ids = lookup.ctx.snapshot.documents, lookup.get("query_term_ids")
    column = documents.tokens.get(field)
    if column is None or not ids.size:
        return NAN
    matches = match_field(column, lookup.rows, ids, len(documents))
    for other, values in zip(FIELD_MATCHES, matches, strict=True):
        lookup.memo[f"pair_{other}[{field}]"] = values
    return lookup.memo[f"pair_{name}[{field}]"]


def _model(lookup: Inputs, field: str) -> Any:
    """What another released model says."""
    if field not in lookup.models:
        raise InvalidInput(
            f"model({field}) asks a model that is not open; open: {', '.join(lookup.models)}"
        )
    return lookup.models[field].predict(lookup.ctx, lookup.rows)


def _any_coverage(lookup: Inputs) -> Any:
    """The best of all fields."""
    fields = lookup.ctx.snapshot.documents.tokens
    columns = [lookup.get(f"pair_coverage[{f}]") for f in fields]
    return np.fmax.reduce(columns) if columns else NAN


def _cosine(lookup: Inputs) -> Any:
    vectors, vector = lookup.ctx.snapshot.documents.vectors, lookup.ctx.query.vector
    if vectors is None or vector is None:
        return NAN
    return dot_rows(vectors, lookup.rows, vector)


@njit(cache=True, nogil=True)
def dot_rows(vectors: F32, rows: Rows, vector: F32) -> F32:
    """Dot product of each row, alone: a BLAS block product gives other bits for other blocks.

    Four rows go side by side, each with its own sum in the same order: one sum waits for itself.
    """
    out = np.empty(rows.size, np.float32)
    whole = rows.size - rows.size % 4
    for i in range(0, whole, 4):
        a = b = c = d = np.float32(0.0)
        p, q, r, s = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        for j in range(vector.size):
            a += vectors[p, j] * vector[j]
            b += vectors[q, j] * vector[j]
            c += vectors[r, j] * vector[j]
            d += vectors[s, j] * vector[j]
        out[i], out[i + 1], out[i + 2], out[i + 3] = a, b, c, d
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
    lats, lons = documents.numbers["lat"][lookup.rows], documents.numbers["lon"][lookup.rows]
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
    found = [tables.rows(*tables.terms.find(term)) for term in terms]
    rows = np.concatenate([rows for rows, _ in found])
    shares = np.concatenate([gains / gains.sum() for _, gains in found])
    return spread(lookup.table, lookup.rows, rows, shares) / np.float32(len(terms))


def _affinity(lookup: Inputs, field: str) -> Any:
    preference = lookup.ctx.user.preferences.get(field)
    column = lookup.ctx.snapshot.documents.keywords.get(field)
    if preference is None or column is None or not preference.codes.size:
        return NAN
    return sum_affinity(
        lookup.rows, column.codes.offsets, column.codes.values,
        index_rows(preference.codes), preference.codes, preference.weights,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def sum_affinity(
    rows: Rows, offsets: I64, values: I32, table: I32, codes: I32, weights: F32
) -> F32:
    """Sum the preference's weight over each row's codes; `table` indexes `codes`. (n,)"""
    out = np.zeros(rows.size, np.float32)
    for i in range(rows.size):
        for at in range(offsets[rows[i]], offsets[rows[i] + 1]):
            place = place_of(table, codes, values[at])
            if place != EMPTY:
                out[i] += weights[place]
    return out


def _neighbours(lookup: Inputs) -> Any:
    """Decayed weight × similarity of each row near what the person did lately."""
    tables, user = lookup.ctx.tables, lookup.ctx.user
    if tables.neighbours is None:
        return np.zeros(lookup.rows.size, np.float32)
    near = tables.neighbours
    ages_ms = np.maximum(lookup.ctx.query.now_ms - user.times_ms[:RECENT], 0)
    decayed = user.weights[:RECENT] * np.exp2(-ages_ms / HALF_LIFE_MS)
    return spread_lists(
        lookup.table, lookup.rows, tables.ordinal_of[user.rows[:RECENT]], decayed,
        near.others.offsets, near.others.values, near.scores, tables.row_of,
    )  # fmt: skip


def _last_times(lookup: Inputs) -> Any:
    user, rows = lookup.ctx.user, lookup.rows
    out = np.full(rows.size, np.nan)
    places = find_places(lookup.table, rows, user.rows)
    here = places != EMPTY
    out[places[here]] = user.times_ms[here]
    return out


_SOURCES: Mapping[str, Callable[[Inputs], Any]] = {
    "any_coverage": _any_coverage,
    "cosine": _cosine,
    "distance_km": _distance,
    "query_memory": _query_memory,
    "term_memory": _term_memory,
    "neighbour": _neighbours,
    "user_gain": _user_gain,
    "user_time_ms": _last_times,
}
