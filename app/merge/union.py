"""The part all mergers share: the union of the channels' hits as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.arrays import F32, F64, I16, I64, Rows
from app.domain.candidates import CandidateSet, ChannelHits


@dataclass(frozen=True, slots=True)
class Union:
    """Every row that any channel returned, once; n rows, c channels."""

    channels: tuple[str, ...]
    rows: Rows  # (n,) ascending
    scores: F32  # (n, c) NaN where the channel did not return the row
    ranks: I16  # (n, c) from 1; 0 where the channel did not return the row

    @classmethod
    def of(cls, hits: Sequence[ChannelHits]) -> Union:
        sizes = [h.rows.size for h in hits]
        rows, slot = np.unique(_join([h.rows for h in hits], np.int32), return_inverse=True)
        scores = np.full((rows.size, len(hits)), np.nan, np.float32)
        ranks = np.zeros((rows.size, len(hits)), np.int16)
        start = 0
        for c, (h, size) in enumerate(zip(hits, sizes, strict=True)):
            mine = slot[start : start + size]
            scores[mine, c] = h.scores
            ranks[mine, c] = np.arange(1, size + 1, dtype=np.int16)
            start += size
        return cls(tuple(h.channel for h in hits), rows, scores, ranks)

    def best(self, fused: F64, limit: int) -> CandidateSet:
        """Keep the `limit` best by (-fused, row). `fused`: (n,)."""
        single = fused.astype(np.float32)
        order: I64 = np.argsort(-single, kind="stable")[:limit]  # rows ascend, so ties go by row
        return CandidateSet(
            self.rows[order], single[order], self.channels, self.scores[order], self.ranks[order]
        )


def _join(parts: Sequence[Rows], dtype: type[np.int32]) -> Rows:
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def weight_vector(channels: Sequence[str], weights: dict[str, float]) -> F64:
    """Return the weights in channel order, 1 where none is given. (c,)"""
    return np.array([weights.get(c, 1.0) for c in channels], np.float64)
