"""list_*: scalars of the whole candidate list. Logged facts, never recomputed."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.domain.arrays import F32
from app.features.lookup import Inputs, unknown

NAN = float("nan")


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
            coverage = lookup.get("pair_any_coverage")
            return _nearest(lookup.get("pair_distance_km")[coverage >= _best(coverage)])
    raise unknown(base, field)


def _best(values: F32) -> float:
    known = values[~np.isnan(values)]
    return float(known.max()) if known.size else NAN


def _nearest(kilometres: F32) -> float:
    known = kilometres[~np.isnan(kilometres)]
    return float(known.min()) if known.size else NAN
