"""The part all mergers share: the union of the channels' hits as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit

from app.domain.arrays import F32, F64, I16, I32, I64, Rows, no_rows, no_scores
from app.domain.candidates import CandidateSet, ChannelHits

Best: TypeAlias = tuple[Rows, F32, F32, I16]
"""Rows, fused scores, scores and ranks by channel: the columns of a CandidateSet."""


class Joined(NamedTuple):
    """The hits of c channels, one channel after another: m in all."""

    rows: Rows  # (m,)
    scores: F32  # (m,)
    sizes: I64  # (c,) hits of each channel

    @classmethod
    def of(cls, hits: Sequence[ChannelHits]) -> Joined:
        if not hits:
            return cls(no_rows(), no_scores(), np.empty(0, np.int64))
        rows, scores = [h.rows for h in hits], [h.scores for h in hits]
        sizes = np.array([r.size for r in rows], np.int64)
        return cls(np.concatenate(rows), np.concatenate(scores), sizes)


@dataclass(frozen=True, slots=True)
class Union:
    """Every row that any channel returned, once; n rows, c channels."""

    channels: tuple[str, ...]
    joined: Joined
    rows: Rows  # (n,) ascending
    slots: I32  # (m,) the place there of each hit
    ranks: I16  # (n, c) from 1; 0 where the channel did not return the row

    @classmethod
    def of(cls, hits: Sequence[ChannelHits]) -> Union:
        joined = Joined.of(hits)
        rows, slots = fold(joined.rows)
        _, ranks = columns(slots, joined.scores, joined.sizes, rows.size)
        return cls(tuple([h.channel for h in hits]), joined, rows, slots, ranks)

    def best(self, fused: F64, limit: int) -> CandidateSet:
        """Keep the `limit` best by (-fused, row). `fused`: (n,)."""
        _, scores, sizes = self.joined
        rows, kept, scores, ranks = best(self.rows, self.slots, fused, scores, sizes, limit)
        return CandidateSet(rows, kept, self.channels, scores, ranks)


@njit(cache=True, nogil=True)
def places_by_score(scores: F32) -> I64:
    """Stable argsort of falling scores (no NaN), in one call. (n,)"""
    places: I64 = in_order(falling(scores)) & 0xFFFFFFFF
    return places


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
def rising(rows: Rows) -> I64:
    """One number a row, its place in the lower half. (m,)"""
    keys = np.empty(rows.size, np.int64)
    for i in range(rows.size):
        keys[i] = (np.int64(rows[i]) << 32) | i
    return keys


@njit(cache=True, nogil=True)
def in_order(keys: I64) -> I64:
    """Sort keys by their upper halves, stably: a byte at a time, the least first (radix sort).

    Where the lower halves are places, as above, that is the order of the keys. For kernels: NumPy's
    vector sort takes as long, and is a call of its own. What is in `keys` is lost. (m,)
    """
    varying = np.int64(0)
    for key in keys:
        varying |= key ^ keys[0]
    there, ends = np.empty_like(keys), np.empty(257, np.int32)
    for shift in (32, 40, 48, 56):
        if (varying >> shift) & 0xFF == 0:
            continue  # the upper bytes of rows are mostly alike
        sign = 0x80 if shift == 56 else 0  # negative keys come first
        ends[:] = 0
        for key in keys:
            ends[(((key >> shift) & 0xFF) ^ sign) + 1] += 1
        for digit in range(256):
            ends[digit + 1] += ends[digit]
        for key in keys:
            digit = ((key >> shift) & 0xFF) ^ sign
            there[ends[digit]] = key
            ends[digit] += 1
        keys, there = there, keys
    return keys


@njit(cache=True, nogil=True)
def fold(rows: Rows) -> tuple[Rows, I32]:
    """Return each row of the hits once, ascending (n,), and the place there of each hit (m,)."""
    united, slots = np.empty(rows.size, np.int32), np.empty(rows.size, np.int32)
    place, last = -1, -1
    for key in in_order(rising(rows)):
        row = key >> 32
        place += row != last
        united[place], slots[key & 0xFFFFFFFF], last = row, place, row
    return united[: place + 1], slots


@njit(cache=True, nogil=True)
def columns(places: I32, scores: F32, sizes: I64, n: int) -> tuple[F32, I16]:
    """Lay hits out by the places of their rows among n: scores and ranks as in a CandidateSet.

    A hit whose place is negative is left out. (m,), (m,), (c,) -> (n, c), (n, c)
    """
    by_channel = np.full((n, sizes.size), np.nan, np.float32)
    ranks = np.zeros((n, sizes.size), np.int16)
    start = 0
    for c in range(sizes.size):
        for hit in range(start, start + sizes[c]):
            at = places[hit]
            if at >= 0:
                by_channel[at, c], ranks[at, c] = scores[hit], hit - start + 1
        start += sizes[c]
    return by_channel, ranks


@njit(cache=True, nogil=True)
def best(rows: Rows, slots: I32, fused: F64, scores: F32, sizes: I64, limit: int) -> Best:
    """Keep the best by (-fused, row). (n,) ascending, (m,), (n,), (m,), (c,)"""
    order = in_order(falling(fused))[:limit]
    places = np.full(rows.size, -1, np.int32)
    kept, kept_fused = np.empty(order.size, np.int32), np.empty(order.size, np.float32)
    for i in range(order.size):
        at = order[i] & 0xFFFFFFFF
        places[at], kept[i], kept_fused[i] = i, rows[at], fused[at]
    by_channel, ranks = columns(places[slots], scores, sizes, order.size)
    return kept, kept_fused, by_channel, ranks


def weight_vector(channels: Sequence[str], weights: dict[str, float]) -> F64:
    """Return the weights in channel order, 1 where none is given. (c,)"""
    return np.array([weights.get(c, 1.0) for c in channels], np.float64)
