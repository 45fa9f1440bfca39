"""Reciprocal rank fusion: needs no score calibration; blind to how sure a channel is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from app.domain.arrays import F64, Rows
from app.domain.candidates import CandidateSet, ChannelHits
from app.merge.union import Union, weight_vector


@dataclass(frozen=True, slots=True)
class RrfMerger:
    """Cormack, Clarke & Büttcher, SIGIR 2009. fused(row) = Σ weight[c] / (k + rank_c(row))."""

    weights: dict[str, float] = field(default_factory=dict)
    k: float = 60.0  # the larger, the less a first place is worth over the next

    def merge(self, hits: Sequence[ChannelHits], limit: int) -> CandidateSet:
        """Return at most `limit` candidates, ordered by (-fused, row). Pure and deterministic."""
        union = Union.of(hits)
        return union.best(self._gains(union) @ weight_vector(union.channels, self.weights), limit)

    def parts(self, hits: Sequence[ChannelHits]) -> tuple[Rows, F64]:
        """Take the fused scores apart by channel: SummingMerger."""
        union = Union.of(hits)
        return union.rows, self._gains(union) * weight_vector(union.channels, self.weights)

    def _gains(self, union: Union) -> F64:
        gains: F64 = np.where(union.ranks > 0, 1.0 / (self.k + union.ranks), 0.0)
        return gains
