"""list_*: scalars of the whole candidate list. Logged facts, never recomputed."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.features.lookup import NAN, Inputs, unknown


def list_input(lookup: Inputs, base: str, field: str) -> Any:
    match base:
        case "list_size":
            return float(lookup.rows.size)
        case "list_best_bm25":
            return _best(lookup.get(f"pair_bm25[{field}]"))
        case "list_best_hit":
            return _best(lookup.get(f"hit_score[{field}]"))
        case "list_best_cosine":
            return _best(lookup.get("pair_cosine"))
        case "list_best_coverage":
            return _best(lookup.get("pair_any_coverage"))
        case "list_nearest_km":
            return _nearest(lookup.get("pair_distance_km"))
        case "list_nearest_match_km":
            coverage, kilometres = lookup.get("pair_any_coverage"), lookup.get("pair_distance_km")
            return _nearest(np.where(coverage >= _best(coverage), kilometres, NAN))
    raise unknown(base, field)


def _best(values: Any) -> float:
    """The highest of what is known; NaN when nothing is."""
    return float(np.fmax.reduce(values, axis=None, initial=NAN))


def _nearest(kilometres: Any) -> float:
    return float(np.fmin.reduce(kilometres, axis=None, initial=NAN))
