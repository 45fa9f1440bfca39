"""Answers an OR query from the postings: the best k rows, and how many match in all.

Rows are taken BLOCK at a time. A common term whose best impact in the block cannot lift a row past
the k-th best so far is not added up there, only looked up for the rows that other terms brought
(MaxScore: Turtle & Flood 1995; by blocks: Ding & Suel 2011). Where rows are passed unseen they are
counted as bitmaps, 64 at a time, so the count is exact and common words stay cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from app.corpus.quickselect import put_largest_first
from app.domain.arrays import F32, I32, I64, U64, Bools, Rows
from app.domain.filters import RowMask
from app.recall.bitmaps import count_block, pack
from app.recall.block_scan import (
    FEW,
    LAST_ROW,
    LOOK_UP_COST,
    ONE_TERM,
    add_up,
    complete,
    next_block,
    open_lists,
    open_scratch,
    pick_allowed,
    pick_from_block,
    pick_touched,
    split,
)
from app.recall.postings import BLOCK, COMMON_EVERY, GRAIN, HIGHEST, WORDS, Postings

RANGES = 4096
"""Score ranges in which good rows are counted, to know a floor before they are sorted."""

EVERYTHING = np.empty(0, np.bool_)
"""Stands for the flags of a mask where every row is allowed."""

SPARE = 8
"""So many times k good rows may be held before the best k of them are singled out."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The best rows of a query, ordered by (-score, row)."""

    rows: Rows  # (m,) m ≤ k
    scores: F32  # (m,)
    total: int  # rows that match and are allowed


def best_rows(
    postings: Postings, terms: I32, at_least: int, k: int, mask: RowMask | None = None,
    packed: U64 | None = None,
) -> Matches:  # fmt: skip
    """Find the best `k` rows that hold at least `at_least` (≥ 1) of the distinct `terms` (≤ 64).

    `packed`: the mask's flags as `bitmaps.pack` packs them, where they are at hand.
    """
    if not terms.size or (mask is not None and not mask.count):
        return Matches(np.empty(0, np.int32), np.empty(0, np.float32), 0)
    words, by_mask = np.empty(0, np.uint64), False
    if mask is not None:
        words = pack(mask.allowed) if packed is None else packed
        sizes = postings.offsets[terms + 1] - postings.offsets[terms]
        common = sizes[sizes * COMMON_EVERY >= postings.n]
        by_mask = bool(mask.count * LOOK_UP_COST < common.sum())
    keys, total = search(postings, terms, words, by_mask, at_least, k)
    keys.sort()  # NumPy's sort is vector code, numba's is not
    rows, scores = _read(keys, min(k, keys.size))
    return Matches(rows, scores, total)


def holds_any(postings: Postings, terms: I32, mask: RowMask | None) -> bool:
    """Tell whether any allowed row holds any of the terms: mostly one of the first that do.

    A term without postings here, as -1, is held by none.
    """
    if mask is None:
        return bool(_is_held(postings.offsets, postings.rows, terms, EVERYTHING))
    return mask.count > 0 and bool(_is_held(postings.offsets, postings.rows, terms, mask.allowed))


@njit(cache=True, nogil=True)
def _is_held(offsets: I64, rows: Rows, terms: I32, allowed: Bools) -> bool:
    for term in terms:
        if 0 <= term < offsets.size - 1:
            for at in range(offsets[term], offsets[term + 1]):
                if not allowed.size or allowed[rows[at]]:
                    return True
    return False


@njit(cache=True, nogil=True)
def _read(keys: I64, k: int) -> tuple[Rows, F32]:
    """Return rows and scores of the last k keys, the last one first."""
    rows, scores = np.empty(k, np.int32), np.empty(k, np.float32)
    for i in range(k):
        key = keys[keys.size - 1 - i]
        rows[i], scores[i] = LAST_ROW - (key & LAST_ROW), (key >> 32) * GRAIN
    return rows, scores


@njit(cache=True, nogil=True)
def search(
    postings: Postings, terms: I32, words: U64, by_mask: bool, at_least: int, k: int
) -> tuple[I64, int]:
    """Return keys, the k best among them, and the number of rows that match."""
    lists = open_lists(postings, terms)
    scratch = open_scratch(lists)
    planes = np.zeros((at_least, WORDS), np.uint64)
    keys = np.empty(SPARE * k + BLOCK, np.int64)
    held = total = floor = int(np.int64(0))  # a plain 0 would compile everything twice
    seen, level, shift = np.zeros(RANGES, np.int32), np.zeros(2, np.int64), 0
    while terms.size * HIGHEST >> shift >= RANGES:
        shift += 1
    block = next_block(lists, scratch.stops, int(np.int64(-1)))
    while block * BLOCK < postings.n:
        added, rest = split(lists, block, floor, at_least, by_mask)
        few = add_up(lists, added, block, scratch) <= FEW
        is_seen = by_mask or (few and added == terms.size)
        if not is_seen:
            total += count_block(
                lists.rows, scratch.cursors, scratch.stops, lists.bits, lists.slots, words,
                block, planes,
            )  # fmt: skip
        enough, word = (at_least - terms.size + added) * ONE_TERM, int(np.int64(0))
        while word < WORDS:
            above = max(floor - rest, 0)
            if by_mask:
                size, word = pick_allowed(words, block, scratch), WORDS
            elif few:
                size, matching = pick_touched(lists, added, block, scratch, enough, above, words)
                word = WORDS
                total += matching if is_seen else 0
            else:
                size, word = pick_from_block(word, block, scratch, enough, above)
            before = held
            held, matching = complete(
                lists, added, scratch, size, words, at_least, floor, keys, held
            )
            total += matching if by_mask else 0
            floor = max(floor, _raise_floor(keys[before:held], k, shift, seen, level))
        if held >= SPARE * k:
            held, floor = _keep_best(keys, held, k)
        block = next_block(lists, scratch.stops, block)
    return keys[:held], total


@njit(cache=True, nogil=True)
def _raise_floor(keys: I64, k: int, shift: int, seen: I32, level: I64) -> int:
    """Count new keys by score range; return a score that no row need reach: k are above it.

    `level` keeps the lowest range that may still be among the best, and how many are in or above.
    """
    for key in keys:
        seen[key >> (32 + shift)] += 1
    level[1] += keys.size
    while level[1] - seen[level[0]] >= k:
        level[1] -= seen[level[0]]
        level[0] += 1
    return int((level[0] << shift) - 1)


@njit(cache=True, nogil=True)
def _keep_best(keys: I64, held: int, k: int) -> tuple[int, int]:
    """Move the k best to the front; return k and the score that a later row must exceed."""
    put_largest_first(keys, held, k)
    return k, int(keys[k - 1] >> 32)
