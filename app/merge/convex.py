"""Convex combination of normalised scores: a poor channel with a small weight cannot reorder.

The default before a model exists. Rank fusion with equal weights loses 0.12–0.16 nDCG@10 on
films against the text channel alone, because a rank does not say how sure its channel is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from app.domain.arrays import F32, F64, I32, I64, Rows
from app.domain.candidates import CandidateSet, ChannelHits
from app.merge.union import Best, Joined, best, fold


@dataclass(frozen=True, slots=True)
class ConvexMerger:
    """Bruch, Gai & Ingber, TOIS 2023. fused(row) = Σ weight[c] · (s − low_c) / (high_c − low_c).

    high_c is the channel's best score; low_c is 0 (the score of no match) or, for channels whose
    scores are negative (distances), the worst score returned. A row not returned adds nothing. A
    channel that is less than certain of this query weighs so much less.
    """

    weights: dict[str, float] = field(default_factory=dict)

    def merge(self, hits: Sequence[ChannelHits], limit: int) -> CandidateSet:
        """Return at most `limit` candidates, ordered by (-fused, row). Pure and deterministic."""
        rows, fused, scores, ranks = _merged(*Joined.of(hits), self._weights(hits), limit)
        return CandidateSet(rows, fused, tuple([h.channel for h in hits]), scores, ranks)

    def parts(self, hits: Sequence[ChannelHits]) -> tuple[Rows, F64]:
        """Take the fused scores apart by channel: SummingMerger."""
        joined, alone = Joined.of(hits), np.diag(self._weights(hits))
        rows, slots = fold(joined.rows)
        parts = [weighed(slots, joined.scores, joined.sizes, w, rows.size) for w in alone]
        return rows, np.stack(parts, axis=1)

    def _weights(self, hits: Sequence[ChannelHits]) -> F64:
        own = self.weights
        return np.array([own.get(h.channel, 1.0) * h.certainty for h in hits], np.float64)


@njit(cache=True, nogil=True, error_model="numpy")
def _merged(rows: Rows, scores: F32, sizes: I64, weights: F64, limit: int) -> Best:
    """Unite, fuse, order and cut in one call. (m,), (m,), (c,), (c,)"""
    united, slots = fold(rows)
    fused = weighed(slots, scores, sizes, weights, united.size)
    merged: Best = best(united, slots, fused, scores, sizes, limit)
    return merged


@njit(cache=True, nogil=True, error_model="numpy")
def weighed(slots: I32, scores: F32, sizes: I64, weights: F64, n: int) -> F64:
    """Sum each row's normalised scores by weight, channel after channel. (m,), (m,), (c,), (c,)

    Each channel's scores are mapped to [0, 1]; one whose scores are all equal and at its floor
    counts in full. Hit i is of the row slots[i]. (n,)
    """
    out, start = np.zeros(n), 0
    for c in range(sizes.size):
        end, low, high = start + sizes[c], 0.0, -np.inf
        for hit in range(start, end):
            score = np.float64(scores[hit])
            low, high = min(low, score), max(high, score)
        span = high - low
        for hit in range(start, end):
            share = (scores[hit] - low) / span if span > 0 else 1.0
            out[slots[hit]] += share * weights[c]
        start = end
    return out
