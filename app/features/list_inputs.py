"""list_*: scalars of the whole candidate list. Logged facts, never recomputed."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.domain.arrays import F32
from app.features.cosines import highest
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
            return NAN if lookup.cosines is None else lookup.cosines.best
        case "list_best_coverage":
            return float(highest(lookup.records.any_coverage))
        case "list_nearest_km":
            return NAN if lookup.nearness is None else lookup.nearness.nearest
        case "list_nearest_match_km":
            return NAN if lookup.nearness is None else lookup.nearness.nearest_match
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
