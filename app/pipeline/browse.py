"""Candidates that no channel found: all that filters allow, when browsing, and what is pinned."""

from __future__ import annotations

import numpy as np

from app.domain.arrays import I64, Rows
from app.domain.candidates import CandidateSet
from app.domain.filters import RowMask


def fill_from_mask(candidates: CandidateSet, mask: RowMask, limit: int) -> CandidateSet:
    """Append allowed rows that no channel returned, in row order, below all others."""
    room = min(limit, mask.count) - len(candidates)
    if room <= 0:
        return candidates
    allowed = np.flatnonzero(mask.allowed)
    return _appended(candidates, allowed[~np.isin(allowed, candidates.rows)][:room])


def with_rows(candidates: CandidateSet, rows: Rows, limit: int) -> CandidateSet:
    """Make sure that some rows are among at most `limit` candidates; others go from the end."""
    wanted = rows[:limit]
    missing = np.setdiff1d(wanted, candidates.rows)
    if not missing.size:
        return candidates
    is_wanted = np.isin(candidates.rows, wanted)
    others = np.cumsum(~is_wanted)
    kept = candidates.take(is_wanted | (others <= limit - wanted.size))
    return _appended(kept, missing)


def _appended(candidates: CandidateSet, rest: I64 | Rows) -> CandidateSet:
    """Add rows that no channel returned, ascending, below all others."""
    channels = len(candidates.channels)
    floor = min(0.0, float(candidates.fused[-1])) if len(candidates) else 0.0
    return CandidateSet(
        np.concatenate([candidates.rows, rest.astype(np.int32)]),
        np.concatenate([candidates.fused, np.full(rest.size, floor, np.float32)]),
        candidates.channels,
        np.concatenate([candidates.scores, np.full((rest.size, channels), np.nan, np.float32)]),
        np.concatenate([candidates.ranks, np.zeros((rest.size, channels), np.int16)]),
    )
