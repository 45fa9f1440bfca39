"""Browsing: an empty query with filters lists every allowed row, whatever the channels found."""

from __future__ import annotations

import numpy as np

from app.domain.candidates import CandidateSet
from app.domain.filters import RowMask


def fill_from_mask(candidates: CandidateSet, mask: RowMask, limit: int) -> CandidateSet:
    """Append allowed rows that no channel returned, in row order, below all others."""
    room = min(limit, mask.count) - len(candidates)
    if room <= 0:
        return candidates
    allowed = np.flatnonzero(mask.allowed)
    rest = allowed[~np.isin(allowed, candidates.rows)][:room].astype(np.int32)
    channels = len(candidates.channels)
    floor = min(0.0, float(candidates.fused[-1])) if len(candidates) else 0.0
    return CandidateSet(
        np.concatenate([candidates.rows, rest]),
        np.concatenate([candidates.fused, np.full(rest.size, floor, np.float32)]),
        candidates.channels,
        np.concatenate([candidates.scores, np.full((rest.size, channels), np.nan, np.float32)]),
        np.concatenate([candidates.ranks, np.zeros((rest.size, channels), np.int16)]),
    )
