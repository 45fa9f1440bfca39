"""Quota: each channel in turn places its next best, so that none is crowded out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from app.domain.candidates import CandidateSet, ChannelHits
from app.merge.union import Union, weight_vector


@dataclass(frozen=True, slots=True)
class QuotaMerger:
    """Weighted round robin. A row is placed at its earliest turn: min over c of rank_c / weight[c].

    fused(row) = −turn. A channel of weight 2 places two rows for each one of a channel of weight
    1; a channel of weight 0 comes after all others.
    """

    weights: dict[str, float] = field(default_factory=dict)

    def merge(self, hits: Sequence[ChannelHits], limit: int) -> CandidateSet:
        """Return at most `limit` candidates, ordered by (-fused, row). Pure and deterministic."""
        union = Union.of(hits)
        pace = 1.0 / np.maximum(weight_vector(union.channels, self.weights), 1e-6)
        turns = np.where(union.ranks > 0, union.ranks * pace, np.inf)
        return union.best(-turns.min(axis=1, initial=np.inf), limit)
