"""The part all mergers share: the union of the channels' hits as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from app.domain.arrays import F32, F64, I16, I32, I64, Rows
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
        joined = Joined.of(hits)
        rows, _, scores, ranks = unite(joined.keys, joined.scores, joined.sizes)
        return cls(tuple([h.channel for h in hits]), rows, scores, ranks)

    def best(self, fused: F64, limit: int) -> CandidateSet:
        """Keep the `limit` best by (-fused, row). `fused`: (n,)."""
        keys = falling(fused)  # rows ascend, so ties go by row
        keys.sort()
        rows, kept, scores, ranks = take(keys[:limit], self.rows, fused, self.scores, self.ranks)
        return CandidateSet(rows, kept, self.channels, scores, ranks)


class Joined(NamedTuple):
    """The hits of c channels, one channel after another: m in all."""

    keys: I64  # (m,) by row, and then by place among the hits, which is the lower half
    scores: F32  # (m,)
    sizes: I64  # (c,) hits of each channel

    @classmethod
    def of(cls, hits: Sequence[ChannelHits]) -> Joined:
        keys = rising(np.concatenate([h.rows for h in hits] or [np.empty(0, np.int32)]))
        keys.sort()
        scores = np.concatenate([h.scores for h in hits] or [np.empty(0, np.float32)])
        return cls(keys, scores, np.array([h.rows.size for h in hits], np.int64))


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
def unite(keys: I64, scores: F32, sizes: I64) -> tuple[Rows, I32, F32, I16]:
    """Fold hits, see `Joined`, into rows (n,), the place there of each hit (m,), (n, c), (n, c)."""
    united, slots, n = np.empty(keys.size, np.int32), np.empty(keys.size, np.int32), 0
    for key in keys:
        row = key >> 32
        united[n] = row
        n += n == 0 or united[n - 1] != row
        slots[key & 0xFFFFFFFF] = n - 1
    by_channel = np.full((n, sizes.size), np.nan, np.float32)
    ranks = np.zeros((n, sizes.size), np.int16)
    start = 0
    for c in range(sizes.size):
        for hit in range(start, start + sizes[c]):
            by_channel[slots[hit], c] = scores[hit]
            ranks[slots[hit], c] = hit - start + 1
        start += sizes[c]
    return united[:n], slots, by_channel, ranks


def weight_vector(channels: Sequence[str], weights: dict[str, float]) -> F64:
    """Return the weights in channel order, 1 where none is given. (c,)"""
    return np.array([weights.get(c, 1.0) for c in channels], np.float64)
