"""Convex combination of normalised scores: a poor channel with a small weight cannot reorder.

The default before a model exists. Rank fusion with equal weights loses 0.12–0.16 nDCG@10 on
films against the text channel alone, because a rank does not say how sure its channel is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numba import njit

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
        weights = weight_vector(union.channels, self.weights)
        return union.best(weighed(union.scores, weights), limit)


@njit(cache=True, nogil=True)
def normalised(scores: F32) -> F64:
    """Map each column of (n, c) scores to [0, 1], 0 where NaN.

    A column whose scores are all equal and at its floor counts in full.
    """
    out = np.zeros(scores.shape)
    for c in range(scores.shape[1]):
        low, high = 0.0, -np.inf
        for i in range(scores.shape[0]):
            score = np.float64(scores[i, c])
            low, high = min(low, score), max(high, score)  # NaN is never the smaller or larger
        for i in range(scores.shape[0]):
            if not np.isnan(scores[i, c]):
                out[i, c] = (scores[i, c] - low) / (high - low) if high > low else 1.0
    return out


@njit(cache=True, nogil=True)
def weighed(scores: F32, weights: F64) -> F64:
    """Sum each row's normalised scores by weight, channel after channel. (n, c), (c,) to (n,)"""
    shares, out = normalised(scores), np.zeros(scores.shape[0])
    for i in range(scores.shape[0]):
        for c in range(scores.shape[1]):
            out[i] += shares[i, c] * weights[c]
    return out
