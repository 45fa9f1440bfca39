"""The part all mergers share: the union of the channels' hits as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

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
        starts = np.zeros(len(hits) + 1, np.int64)
        np.cumsum([h.rows.size for h in hits], out=starts[1:])
        rows = np.concatenate([h.rows for h in hits] or [np.empty(0, np.int32)])
        scores = np.concatenate([h.scores for h in hits] or [np.empty(0, np.float32)])
        order = np.argsort(rows, kind="stable")
        return cls(tuple(h.channel for h in hits), *unite(rows, scores, order, starts))

    def best(self, fused: F64, limit: int) -> CandidateSet:
        """Keep the `limit` best by (-fused, row). `fused`: (n,)."""
        single = fused.astype(np.float32)
        order: I64 = np.argsort(-single, kind="stable")[:limit]  # rows ascend, so ties go by row
        return CandidateSet(
            self.rows[order], single[order], self.channels, self.scores[order], self.ranks[order]
        )


@njit(cache=True, nogil=True)
def unite(rows: Rows, scores: F32, order: I64, starts: I64) -> tuple[Rows, F32, I16]:
    """Fold hits, taken in `order` of row, into (n,), (n, c), (n, c). `starts`: (c + 1,)."""
    n = 0
    for i in range(order.size):
        if i == 0 or rows[order[i]] != rows[order[i - 1]]:
            n += 1
    channels = starts.size - 1
    united = np.empty(n, np.int32)
    by_channel = np.full((n, channels), np.nan, np.float32)
    ranks = np.zeros((n, channels), np.int16)
    slot = -1
    for i in range(order.size):
        hit = order[i]
        if i == 0 or rows[hit] != rows[order[i - 1]]:
            slot += 1
            united[slot] = rows[hit]
        c = np.searchsorted(starts, hit, side="right") - 1
        by_channel[slot, c] = scores[hit]
        ranks[slot, c] = hit - starts[c] + 1
    return united, by_channel, ranks


def weight_vector(channels: Sequence[str], weights: dict[str, float]) -> F64:
    """Return the weights in channel order, 1 where none is given. (c,)"""
    return np.array([weights.get(c, 1.0) for c in channels], np.float64)
