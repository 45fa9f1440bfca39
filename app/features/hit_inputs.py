"""hit_*: what each channel said of the candidates. Logged facts, never recomputed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from app.domain.arrays import F32, I16
from app.features.lookup import NAN, Inputs, unknown


def hit_input(lookup: Inputs, base: str, field: str) -> Any:
    candidates = lookup.candidates
    if base == "hit_channels":
        return count_channels(candidates.ranks)
    asked = field in candidates.channels
    column = candidates.channels.index(field) if asked else -1
    if base == "hit_score":
        return lookup.hit_scores[column] if asked else NAN
    if base == "hit_rank":
        return candidates.ranks[:, column] if asked else 0.0
    raise unknown(base, field)


@njit(cache=True, nogil=True)
def count_channels(ranks: I16) -> F32:
    """How many channels returned each row. (n, c) to (n,)"""
    out = np.zeros(ranks.shape[0], np.float32)
    for i in range(ranks.shape[0]):
        for j in range(ranks.shape[1]):
            out[i] += ranks[i, j] > 0
    return out
