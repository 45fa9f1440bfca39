"""list_*: scalars of the whole candidate list. Logged facts, never recomputed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from app.domain.arrays import F32
from app.features.lookup import NAN, Inputs, unknown


def list_input(lookup: Inputs, base: str, field: str) -> Any:
    match base:
        case "list_size":
            return float(lookup.rows.size)
        case "list_best_bm25":
            return _best_bm25(lookup, field)
        case "list_best_hit":
            return _best_hit(lookup, field)
        case "list_best_cosine":
            return _best(lookup.get("pair_cosine"))
        case "list_best_coverage":
            return _best(lookup.get("pair_any_coverage"))
        case "list_nearest_km":
            return _nearest(lookup.get("pair_distance_km"))
        case "list_nearest_match_km":
            return _nearest_match(lookup)
    raise unknown(base, field)


def _best_bm25(lookup: Inputs, field: str) -> float:
    place = lookup.ctx.snapshot.documents.rows.text_fields.get(field)
    if place is None or not lookup.ctx.query.terms:
        return NAN
    return float(lookup.records.best_bm25[place])


def _best_hit(lookup: Inputs, field: str) -> float:
    channels = lookup.candidates.channels
    return float(lookup.said.best[channels.index(field)]) if field in channels else NAN


def bests(lookup: Inputs, base: str) -> F32:
    """Return list_best_bm25 of all text fields, or list_best_hit of all channels. (k,)"""
    of_text = base == "list_best_bm25"
    if not lookup.is_slice:
        return lookup.records.best_bm25 if of_text else lookup.said.best
    texts, channels = lookup.ctx.snapshot.documents.rows.text_fields, lookup.candidates.channels
    names = [f"{base}[{field}]" for field in (texts if of_text else channels)]
    return np.array([lookup.get(name) for name in names], np.float32)


def _best(values: Any) -> float:
    """The highest of what is known; NaN when nothing is."""
    return float(highest(values)) if isinstance(values, np.ndarray) else NAN


@njit(cache=True, nogil=True)
def highest(values: F32) -> np.float32:
    best = np.float32(np.nan)
    for value in values:
        best = value if value > best or np.isnan(best) else best
    return best


def _nearest_match(lookup: Inputs) -> float:
    """Kilometres of the nearest among the rows with the best coverage; NaN when nothing is."""
    coverage, kilometres = lookup.get("pair_any_coverage"), lookup.get("pair_distance_km")
    if not (isinstance(coverage, np.ndarray) and isinstance(kilometres, np.ndarray)):
        return NAN
    return float(nearest_best(coverage, kilometres))


@njit(cache=True, nogil=True)
def nearest_best(coverage: F32, kilometres: F32) -> float:
    best, nearest = np.float32(-np.inf), np.inf
    for i in range(coverage.size):
        if coverage[i] > best:
            best, nearest = coverage[i], np.inf
        if coverage[i] == best:
            nearest = min(nearest, kilometres[i]) if kilometres[i] == kilometres[i] else nearest
    return nearest if nearest < np.inf else np.nan


def _nearest(kilometres: Any) -> float:
    return float(lowest(kilometres)) if isinstance(kilometres, np.ndarray) else NAN


@njit(cache=True, nogil=True)
def lowest(values: F32) -> np.float32:
    best = np.float32(np.nan)
    for value in values:
        best = value if value < best or np.isnan(best) else best
    return best
