"""pair_*: query × document and person × document, for every candidate whoever found it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from app.corpus.geometry import haversine_km
from app.domain.arrays import F32, F64, I32, I64, Rows
from app.features.lookup import Inputs, unknown
from app.features.text_match import FIELD_MATCHES, match_field

RECENT = 50
"""Item-to-item looks at so many of the person's latest documents."""
HALF_LIFE_MS = 30 * 86_400_000.0


def pair_input(lookup: Inputs, base: str, field: str) -> Any:
    name = base.removeprefix("pair_")
    if name in FIELD_MATCHES:
        return _text(lookup, name, field)
    match name:
        case "any_coverage":
            fields = lookup.ctx.snapshot.documents.tokens
            columns = [_text(lookup, "coverage", f) for f in fields]
            return np.fmax.reduce(columns) if columns else lookup.missing
        case "cosine":
            return _cosine(lookup)
        case "distance_km":
            return _distance(lookup)
        case "query_memory":
            return spread(lookup.rows, *lookup.get("query_memory"))
        case "term_memory":
            return _term_memory(lookup)
        case "affinity":
            return _affinity(lookup, field)
        case "neighbour":
            return spread(lookup.rows, *_neighbours(lookup))
        case "user_gain":
            return spread(lookup.rows, lookup.ctx.user.rows, lookup.ctx.user.weights)
        case "user_time_ms":
            return _last_times(lookup)
    raise unknown(base, field)


def _text(lookup: Inputs, name: str, field: str) -> Any:
    """All matches of a field are computed in one pass and kept."""
    key = f"pair_text[{field}]"
    if key not in lookup.memo:
        documents = lookup.ctx.snapshot.documents
        column = documents.tokens.get(field)
        if column is None:
            lookup.memo[key] = np.full((lookup.rows.size, len(FIELD_MATCHES)), np.nan, np.float32)
        else:
            ids = lookup.get("query_term_ids")
            lookup.memo[key] = match_field(column, lookup.rows, ids, len(documents))
    return lookup.memo[key][:, FIELD_MATCHES.index(name)]


def _cosine(lookup: Inputs) -> Any:
    vectors, vector = lookup.ctx.snapshot.documents.vectors, lookup.ctx.query.vector
    if vectors is None or vector is None:
        return lookup.missing
    return dot_rows(vectors, lookup.rows, vector)


@njit(cache=True, nogil=True)
def dot_rows(vectors: F32, rows: Rows, vector: F32) -> F32:
    """Dot product of each row, alone: a BLAS block product gives other bits for other blocks."""
    out = np.empty(rows.size, np.float32)
    for i in range(rows.size):
        total = np.float32(0.0)
        for j in range(vector.size):
            total += vectors[rows[i], j] * vector[j]
        out[i] = total
    return out


def _distance(lookup: Inputs) -> Any:
    documents, origin = lookup.ctx.snapshot.documents, lookup.ctx.query.origin
    if origin is None or not documents.has_places:
        return lookup.missing
    lats, lons = documents.numbers["lat"][lookup.rows], documents.numbers["lon"][lookup.rows]
    return haversine_km(origin.lat, origin.lon, lats, lons).astype(np.float32)


def spread(rows: Rows, found: Rows, values: F32 | F64) -> F32:
    """Sum the values of each candidate row; 0 for rows that were not found. (n,)"""
    out = np.zeros(rows.size, np.float32)
    if not found.size or not rows.size:
        return out
    order = np.argsort(rows, kind="stable")
    at = np.minimum(np.searchsorted(rows, found, sorter=order), rows.size - 1)
    slot = order[at]
    here = rows[slot] == found
    np.add.at(out, slot[here], values[here].astype(np.float32))
    return out


def _term_memory(lookup: Inputs) -> Any:
    """Mean over the query's terms of the share of that term's gain."""
    tables, terms = lookup.ctx.tables, lookup.ctx.query.terms
    out = np.zeros(lookup.rows.size, np.float32)
    if tables.terms is None or not terms:
        return out
    for term in terms:
        rows, gains = tables.rows(*tables.terms.find(term))
        if gains.size:
            out += spread(lookup.rows, rows, gains / gains.sum())
    return out / np.float32(len(terms))


def _affinity(lookup: Inputs, field: str) -> Any:
    preference = lookup.ctx.user.preferences.get(field)
    column = lookup.ctx.snapshot.documents.keywords.get(field)
    if preference is None or column is None or not preference.codes.size:
        return lookup.missing
    return sum_affinity(
        lookup.rows, column.codes.offsets, column.codes.values, preference.codes, preference.weights
    )


@njit(cache=True, nogil=True)
def sum_affinity(rows: Rows, offsets: I64, values: I32, codes: I32, weights: F32) -> F32:
    """Sum the preference's weight over each row's codes; `codes` ascend. (n,)"""
    out = np.zeros(rows.size, np.float32)
    for i in range(rows.size):
        for at in range(offsets[rows[i]], offsets[rows[i] + 1]):
            j = np.searchsorted(codes, values[at])
            if j < codes.size and codes[j] == values[at]:
                out[i] += weights[j]
    return out


def _neighbours(lookup: Inputs) -> tuple[Rows, F32]:
    """Rows near what the person did lately, and decayed weight × similarity of each."""
    tables, user = lookup.ctx.tables, lookup.ctx.user
    found, values = [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    if tables.neighbours is not None:
        ages_ms = np.maximum(lookup.ctx.query.now_ms - user.times_ms[:RECENT], 0)
        decayed = user.weights[:RECENT] * np.exp2(-ages_ms / HALF_LIFE_MS)
        for row, weight in zip(user.rows[:RECENT], decayed, strict=True):
            rows, scores = tables.rows(*tables.neighbours.of(int(tables.ordinal_of[row])))
            found.append(rows)
            values.append((scores * weight).astype(np.float32))
    return np.concatenate(found), np.concatenate(values)


def _last_times(lookup: Inputs) -> Any:
    user, rows = lookup.ctx.user, lookup.rows
    out = np.full(rows.size, np.nan)
    _, mine, theirs = np.intersect1d(rows, user.rows, return_indices=True)
    out[mine] = user.times_ms[theirs]
    return out
