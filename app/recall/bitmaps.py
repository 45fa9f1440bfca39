"""Rows as bitmaps, 64 to a word: counting those that hold enough of a query's terms.

planes[j] is the bitmap of the block's rows that hold more than j of the lists seen so far. A
further list moves each of its rows up by one plane, so the last plane ends as the rows that match.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from app.domain.arrays import I32, I64, U64, Bools, Rows
from app.recall.postings import BLOCK, WORDS


def pack(flags: Bools) -> U64:
    """Return the flags as bits, whole blocks of them, row r in bit r % 64 of word r // 64."""
    words = np.zeros(-(-flags.size // BLOCK) * WORDS, np.uint64)
    packed = np.packbits(flags, bitorder="little")
    words.view(np.uint8)[: packed.size] = packed
    return words


@njit(cache=True, nogil=True)
def count_block(
    rows: Rows,  # of all postings
    cursors: I64,  # (t,) where the block's postings of each rare list begin
    stops: I64,  # (t,) and end
    bits: U64,  # of all common terms
    slots: I32,  # (t,) each list's place among them, -1 for a rare list
    allowed: U64,  # (words,) or empty
    block: int,
    planes: U64,  # (at_least, WORDS) scratch
) -> int:
    """Return how many rows of the block are allowed and in at least planes.shape[0] lists."""
    planes[:] = 0
    own = np.empty(WORDS, np.uint64)
    for i in range(slots.size):
        if slots[i] >= 0:
            _raise_planes(planes, bits[slots[i], block * WORDS : (block + 1) * WORDS])
        elif cursors[i] < stops[i]:
            own[:] = 0
            for at in range(cursors[i], stops[i]):
                local = rows[at] - block * BLOCK
                own[local >> 6] |= np.uint64(1) << np.uint64(local & 63)
            _raise_planes(planes, own)
    found = 0
    for word in range(WORDS):
        matching = planes[-1, word]
        if allowed.size > 0:
            matching &= allowed[block * WORDS + word]
        found += count_ones(matching)
    return found


@njit(cache=True, nogil=True)
def _raise_planes(planes: U64, bits: U64) -> None:
    for j in range(planes.shape[0] - 1, 0, -1):
        for word in range(WORDS):
            planes[j, word] |= planes[j - 1, word] & bits[word]
    for word in range(WORDS):
        planes[0, word] |= bits[word]


@njit(cache=True, nogil=True)
def count_ones(word: np.uint64) -> np.int64:
    """Count the bits that are set; compiles to one instruction."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True)
def is_set(words: U64, row: int) -> bool:
    """Tell whether a row is among those that `pack` packed: an eighth of the memory of flags."""
    return bool(words[row >> 6] >> np.uint64(row & 63) & np.uint64(1))


@njit(cache=True, nogil=True)
def lowest_bit(word: np.uint64) -> np.int64:
    """Return the place of the lowest bit that is set, 0 to 63."""
    place: np.int64 = count_ones((word & (~word + np.uint64(1))) - np.uint64(1))
    return place
