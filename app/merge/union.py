"""The part all mergers share: the union of the channels' hits as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

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
        starts = np.array([0, *accumulate(h.rows.size for h in hits)], np.int64)
        rows = np.concatenate([h.rows for h in hits] or [np.empty(0, np.int32)])
        scores = np.concatenate([h.scores for h in hits] or [np.empty(0, np.float32)])
        order = in_order(rows)
        return cls(tuple(h.channel for h in hits), *unite(rows, scores, order, starts))

    def best(self, fused: F64, limit: int) -> CandidateSet:
        """Keep the `limit` best by (-fused, row). `fused`: (n,)."""
        single = fused.astype(np.float32)
        order = places_by_score(single)[:limit]  # rows ascend, so ties go by row
        rows, kept, scores, ranks = take(order, self.rows, single, self.scores, self.ranks)
        return CandidateSet(rows, kept, self.channels, scores, ranks)


def places_by_score(scores: F32) -> I64:
    """Stable argsort of falling scores (no NaN), by NumPy's vector sort of whole numbers. (n,)"""
    keys: I64 = falling(scores)
    keys.sort()
    return keys & 0xFFFFFFFF


@njit(cache=True, nogil=True)
def falling(scores: F32) -> I64:
    """One number a score (no NaN), lower for the higher; its lower half is the score's place."""
    keys = np.empty(scores.size, np.int64)
    for i in range(scores.size):
        bits = np.float32(scores[i] + np.float32(0)).view(np.int32)  # + 0: minus nought is nought
        bits ^= (bits >> np.int32(31)) & np.int32(0x7FFFFFFF)  # rises with the score (IEEE 754)
        keys[i] = (np.int64(~bits) << 32) | i
    return keys


@njit(cache=True, nogil=True)
def take(order: I64, rows: Rows, fused: F32, scores: F32, ranks: I16) -> tuple[Rows, F32, F32, I16]:
    """All columns in the order given."""
    n, channels = order.size, scores.shape[1]
    kept_rows, kept_fused = np.empty(n, np.int32), np.empty(n, np.float32)
    kept_scores, kept_ranks = np.empty((n, channels), np.float32), np.empty((n, channels), np.int16)
    for i in range(n):
        at = order[i]
        kept_rows[i], kept_fused[i] = rows[at], fused[at]
        for c in range(channels):
            kept_scores[i, c], kept_ranks[i, c] = scores[at, c], ranks[at, c]
    return kept_rows, kept_fused, kept_scores, kept_ranks


def in_order(rows: Rows) -> I64:
    """Stable argsort of rows, by NumPy's vector sort of (row, place) in one number. (m,)"""
    keys = (rows.astype(np.int64) << 32) | np.arange(rows.size)
    keys.sort()
    return keys & 0xFFFFFFFF


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
        c = 0
        while hit >= starts[c + 1]:
            c += 1
        by_channel[slot, c] = scores[hit]
        ranks[slot, c] = hit - starts[c] + 1
    return united, by_channel, ranks


def weight_vector(channels: Sequence[str], weights: dict[str, float]) -> F64:
    """Return the weights in channel order, 1 where none is given. (c,)"""
    return np.array([weights.get(c, 1.0) for c in channels], np.float64)
