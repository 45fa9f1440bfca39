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
        sizes = np.array([h.rows.size for h in hits], np.int64)
        keys = rising(np.concatenate([h.rows for h in hits] or [np.empty(0, np.int32)]))
        keys.sort()
        scores = np.concatenate([h.scores for h in hits] or [np.empty(0, np.float32)])
        return cls(tuple([h.channel for h in hits]), *unite(keys, scores, sizes))

    def best(self, fused: F64, limit: int) -> CandidateSet:
        """Keep the `limit` best by (-fused, row). `fused`: (n,)."""
        keys = falling(fused)  # rows ascend, so ties go by row
        keys.sort()
        rows, kept, scores, ranks = take(keys[:limit], self.rows, fused, self.scores, self.ranks)
        return CandidateSet(rows, kept, self.channels, scores, ranks)


def places_by_score(scores: F32) -> I64:
    """Stable argsort of falling scores (no NaN), by NumPy's vector sort of whole numbers. (n,)"""
    keys: I64 = falling(scores)
    keys.sort()
    return keys & 0xFFFFFFFF


@njit(cache=True, nogil=True)
def falling(scores: F32 | F64) -> I64:
    """One number a score (no NaN), lower for the higher; its lower half is the score's place.

    What is finer than float32 is rounded to it.
    """
    keys = np.empty(scores.size, np.int64)
    for i in range(scores.size):
        score = np.float32(scores[i]) + np.float32(0)  # minus nought becomes nought
        bits = np.float32(score).view(np.int32)
        bits ^= (bits >> np.int32(31)) & np.int32(0x7FFFFFFF)  # rises with the score (IEEE 754)
        keys[i] = (np.int64(~bits) << 32) | i
    return keys


@njit(cache=True, nogil=True)
def take(keys: I64, rows: Rows, fused: F64, scores: F32, ranks: I16) -> tuple[Rows, F32, F32, I16]:
    """All columns in the order of the keys, whose lower halves are places."""
    n, channels = keys.size, scores.shape[1]
    kept_rows, kept_fused = np.empty(n, np.int32), np.empty(n, np.float32)
    kept_scores, kept_ranks = np.empty((n, channels), np.float32), np.empty((n, channels), np.int16)
    for i in range(n):
        at = keys[i] & 0xFFFFFFFF
        kept_rows[i], kept_fused[i] = rows[at], fused[at]
        for c in range(channels):
            kept_scores[i, c], kept_ranks[i, c] = scores[at, c], ranks[at, c]
    return kept_rows, kept_fused, kept_scores, kept_ranks


@njit(cache=True, nogil=True)
def rising(rows: Rows) -> I64:
    """One number a row, its place in the lower half: NumPy's vector sort of them is stable. (m,)"""
    keys = np.empty(rows.size, np.int64)
    for i in range(rows.size):
        keys[i] = (np.int64(rows[i]) << 32) | i
    return keys


@njit(cache=True, nogil=True)
def unite(keys: I64, scores: F32, sizes: I64) -> tuple[Rows, F32, I16]:
    """Fold hits, by their keys in order of row, into (n,), (n, c), (n, c). `sizes`: (c,)."""
    n = 0
    for i in range(keys.size):
        n += i == 0 or keys[i] >> 32 != keys[i - 1] >> 32
    channels = sizes.size
    starts = np.zeros(channels + 1, np.int64)
    starts[1:] = np.cumsum(sizes)
    united = np.empty(n, np.int32)
    by_channel = np.full((n, channels), np.nan, np.float32)
    ranks = np.zeros((n, channels), np.int16)
    slot = -1
    for i in range(keys.size):
        hit, row = keys[i] & 0xFFFFFFFF, keys[i] >> 32
        if slot < 0 or united[slot] != row:
            slot += 1
            united[slot] = row
        c = 0
        while hit >= starts[c + 1]:
            c += 1
        by_channel[slot, c] = scores[hit]
        ranks[slot, c] = hit - starts[c] + 1
    return united, by_channel, ranks


def weight_vector(channels: Sequence[str], weights: dict[str, float]) -> F64:
    """Return the weights in channel order, 1 where none is given. (c,)"""
    return np.array([weights.get(c, 1.0) for c in channels], np.float64)
