"""Kernels over one block of rows: add postings up, pick the rows worth completing, complete them.

A row's value is one integer: its score in grains below ONE_TERM, and from there up the number of
its terms. Whole numbers add up alike in any order, so it never shows which way a term was read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from app.domain.arrays import I32, I64, U16, U64, Bools, Rows
from app.recall.bitmaps import count_ones, is_set, lowest_bit
from app.recall.postings import BLOCK, WORDS, Postings

LAST_ROW = 0x7FFFFFFF

ONE_TERM = 1 << 24
SCORE = ONE_TERM - 1

LOOK_UP_COST = 4
"""Postings that can be added up in the time of looking up one row that may need it."""

FEW = BLOCK // 16
"""Up to so many postings, rows are picked by them; past it, by going over the whole block."""


class Lists(NamedTuple):
    """The query's postings, shortest first, so that those with a bitmap are last."""

    rows: Rows
    impacts: U16
    starts: I64  # (t,) each list's postings
    ends: I64  # (t,)
    slots: I32  # (t,) its place among the common terms, -1 for a rare one
    is_long: Bools  # (t,) so much longer than all before it that looking up beats adding up
    bits: U64
    ranks: I32
    peaks: U16


class Block(NamedTuple):
    """Scratch of one search."""

    cursors: I64  # (t,) this block's postings of each list that is added up
    stops: I64  # (t,)
    values: I32  # (BLOCK,) sums, all 0 between blocks
    rows: Rows  # (BLOCK + 1,) picked
    picked: I32  # (BLOCK + 1,) their values


@njit(cache=True, nogil=True)
def open_lists(postings: Postings, terms: I32) -> Lists:
    """Order the terms by their number of postings and find the bitmaps of the common ones."""
    starts, ends = np.empty(terms.size, np.int64), np.empty(terms.size, np.int64)
    terms = terms.copy()
    for i in range(terms.size):
        term, size = terms[i], postings.offsets[terms[i] + 1] - postings.offsets[terms[i]]
        j = i
        while j > 0 and ends[j - 1] - starts[j - 1] > size:
            terms[j], starts[j], ends[j] = terms[j - 1], starts[j - 1], ends[j - 1]
            j -= 1
        terms[j], starts[j], ends[j] = term, postings.offsets[term], postings.offsets[term + 1]
    slots = np.full(terms.size, -1, np.int32)
    is_long = np.zeros(terms.size, np.bool_)
    before = 0
    for i in range(terms.size):
        at = np.searchsorted(postings.common, terms[i])
        if at < postings.common.size and postings.common[at] == terms[i]:
            slots[i] = at
        is_long[i] = ends[i] - starts[i] > LOOK_UP_COST * before
        before += ends[i] - starts[i]
    return Lists(
        postings.rows, postings.impacts, starts, ends, slots, is_long,
        postings.bits, postings.ranks, postings.peaks,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def open_scratch(lists: Lists) -> Block:
    return Block(
        lists.starts.copy(),
        lists.starts.copy(),
        np.zeros(BLOCK, np.int32),
        np.empty(BLOCK + 1, np.int32),
        np.empty(BLOCK + 1, np.int32),
    )


@njit(cache=True, nogil=True)
def next_block(lists: Lists, stops: I64, block: int) -> int:
    """Return the next block in which a list has postings; common ones have them everywhere."""
    nearest = LAST_ROW
    for i in range(stops.size):
        if lists.slots[i] >= 0:
            return block + 1
        if stops[i] < lists.ends[i]:
            nearest = min(nearest, int(lists.rows[stops[i]]))
    return nearest // BLOCK


@njit(cache=True, nogil=True)
def split(lists: Lists, block: int, floor: int, at_least: int, by_mask: bool) -> tuple[int, int]:
    """Return how many lists are added up in this block, and what the others bring at most.

    No row that only the others hold can be among the best: it is too poor, or has too few terms.
    """
    added, rest = lists.slots.size, 0
    while added > 0 and lists.slots[added - 1] >= 0:
        more = rest + int(lists.peaks[lists.slots[added - 1], block])
        is_hopeless = more <= floor or lists.slots.size - added < at_least - 1
        if not by_mask and not (is_hopeless and lists.is_long[added - 1]):
            break
        rest = more
        added -= 1
    return added, rest


@njit(cache=True, nogil=True)
def add_up(lists: Lists, added: int, block: int, scratch: Block) -> int:
    """Add the block's postings of the first lists to its rows; return how many there were."""
    first, postings = block * BLOCK, 0
    for i in range(added):
        start, stop = _find_stretch(lists, i, block, scratch.stops[i])
        for at in range(start, stop):
            scratch.values[lists.rows[at] - first] += ONE_TERM + lists.impacts[at]
        scratch.cursors[i], scratch.stops[i] = start, stop
        postings += stop - start
    return postings


@njit(cache=True, nogil=True)
def _find_stretch(lists: Lists, i: int, block: int, stop: int) -> tuple[int, int]:
    """Return where the block's postings of a list begin and end; a rare list goes on at `stop`."""
    slot, word = lists.slots[i], block * WORDS
    if slot < 0:
        at = stop
        while at < lists.ends[i] and lists.rows[at] < (block + 1) * BLOCK:
            at += 1
        return stop, at
    start = lists.starts[i] + lists.ranks[slot, word]
    if word + WORDS < lists.ranks.shape[1]:
        return start, lists.starts[i] + lists.ranks[slot, word + WORDS]
    return start, lists.ends[i]


@njit(cache=True, nogil=True)
def pick_from_block(
    word: int, block: int, scratch: Block, enough: int, above: int
) -> tuple[int, int]:
    """Pick rows of `enough` terms that score more than `above`, from the `word`-th 64 on.

    Stops once it has FEW, so that the floor can rise. Returns how many, and where to go on.
    """
    values, size = scratch.values.reshape(WORDS, 64), 0
    while word < WORDS and size < FEW:
        best = np.int32(0)
        for i in range(64):  # these three lines must stay so plain: they become vector code
            score = values[word, i] & np.int32(SCORE)
            best = score if score > best else best
        if best > above:
            for i in range(64):
                value = values[word, i]
                scratch.rows[size], scratch.picked[size] = block * BLOCK + word * 64 + i, value
                size += (value >= enough) & (value & SCORE > above)  # no branch to mispredict
        for i in range(64):
            values[word, i] = 0
        word += 1
    return size, word


@njit(cache=True, nogil=True)
def pick_touched(
    lists: Lists, added: int, block: int, scratch: Block, enough: int, above: int, allowed: U64
) -> tuple[int, int]:
    """Pick the same rows by the postings that were added up: they are few.

    Also returns how many allowed rows of `enough` terms there were.
    """
    size = matching = 0
    for i in range(added):
        for at in range(scratch.cursors[i], scratch.stops[i]):
            row = lists.rows[at]
            value = scratch.values[row - block * BLOCK]
            scratch.rows[size], scratch.picked[size] = row, value
            size += (value >= enough) & (value & SCORE > above)
            if value >= enough:
                matching += allowed.size == 0 or is_set(allowed, row)
            scratch.values[row - block * BLOCK] = 0
    return size, matching


@njit(cache=True, nogil=True)
def pick_allowed(words: U64, block: int, scratch: Block) -> int:
    """Pick every row that the mask allows: they are few, and each will be looked up."""
    size = 0
    for word in range(block * WORDS, (block + 1) * WORDS):
        left = words[word]
        while left:
            row = word * 64 + lowest_bit(left)
            scratch.rows[size] = row
            scratch.picked[size] = scratch.values[row - block * BLOCK]
            size += 1
            left &= left - np.uint64(1)
    scratch.values[:] = 0
    return size


@njit(cache=True, nogil=True)
def complete(
    lists: Lists, added: int, scratch: Block, size: int, allowed: U64,
    at_least: int, floor: int, keys: I64, held: int,
) -> tuple[int, int]:  # fmt: skip
    """Look picked rows up in the lists that were not added up; append those above the floor.

    A key is one integer that sorts by score, then by lower row. Also returns how many match.
    """
    matching = 0
    for j in range(size):
        row, value = scratch.rows[j], np.int64(scratch.picked[j])
        if allowed.size > 0 and not is_set(allowed, row):
            continue
        word, bit = row >> 6, np.uint64(1) << np.uint64(row & 63)
        for i in range(added, lists.slots.size):
            bits = lists.bits[lists.slots[i], word]
            if bits & bit:
                at = lists.ranks[lists.slots[i], word] + count_ones(bits & (bit - np.uint64(1)))
                value += ONE_TERM + lists.impacts[lists.starts[i] + at]
        if value >= at_least * ONE_TERM:
            matching += 1
            if value & SCORE > floor:
                keys[held] = ((value & SCORE) << 32) | (LAST_ROW - row)
                held += 1
    return held, matching
