"""hit_*: what each channel said of the candidates. Logged facts, never recomputed."""

from __future__ import annotations

from typing import Any

from app.features.lookup import NAN, Inputs, unknown


def hit_input(lookup: Inputs, base: str, field: str) -> Any:
    candidates = lookup.candidates
    if base == "hit_channels":
        return lookup.said.channels
    asked = field in candidates.channels
    column = candidates.channels.index(field) if asked else -1
    if base == "hit_score":
        return candidates.scores[:, column] if asked else NAN
    if base == "hit_rank":
        return candidates.ranks[:, column] if asked else 0.0
    raise unknown(base, field)
