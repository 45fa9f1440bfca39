"""hit_*: what each channel said of the candidates. Logged facts, never recomputed."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.features.lookup import Inputs, unknown


def hit_input(lookup: Inputs, base: str, field: str) -> Any:
    candidates = lookup.candidates
    if base == "hit_channels":
        return (candidates.ranks > 0).sum(axis=1).astype(np.float32)
    asked = field in candidates.channels
    column = candidates.channels.index(field) if asked else -1
    if base == "hit_score":
        return candidates.scores[:, column] if asked else lookup.missing
    if base == "hit_rank":
        return candidates.ranks[:, column] if asked else np.zeros(lookup.rows.size, np.float32)
    raise unknown(base, field)
