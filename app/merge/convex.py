"""Convex combination of normalised scores: a poor channel with a small weight cannot reorder.

The default before a model exists. Rank fusion with equal weights loses 0.12–0.16 nDCG@10 on
films against the text channel alone, because a rank does not say how sure its channel is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from app.domain.arrays import F32, F64
from app.domain.candidates import CandidateSet, ChannelHits
from app.merge.union import Union, weight_vector


@dataclass(frozen=True, slots=True)
class ConvexMerger:
    """Bruch, Gai & Ingber, TOIS 2023. fused(row) = Σ weight[c] · (s − low_c) / (high_c − low_c).

    high_c is the channel's best score; low_c is 0 (the score of no match) or, for channels whose
    scores are negative (distances), the worst score returned. A row not returned adds nothing.
    """

    weights: dict[str, float] = field(default_factory=dict)

    def merge(self, hits: Sequence[ChannelHits], limit: int) -> CandidateSet:
        """Return at most `limit` candidates, ordered by (-fused, row). Pure and deterministic."""
        union = Union.of(hits)
        return union.best(
            normalised(union.scores) @ weight_vector(union.channels, self.weights), limit
        )


def normalised(scores: F32) -> F64:
    """Map each column of (n, c) scores to [0, 1], 0 where NaN."""
    if not scores.size:
        return np.zeros(scores.shape)
    known = ~np.isnan(scores)
    high = np.where(known, scores, -np.inf).max(axis=0)
    low = np.minimum(np.where(known, scores, np.inf).min(axis=0), 0.0)
    used = np.isfinite(high)
    low, high = np.where(used, low, 0.0), np.where(used, high, 0.0)
    span = np.where(high > low, high - low, 1.0)
    flat = used & (high <= low)  # all scores equal and at the floor: each counts in full
    return np.where(known, np.where(flat, 1.0, (scores - low) / span), 0.0)
