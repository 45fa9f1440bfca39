"""The inverted index on disk: per term, the rows that hold it and what it is worth there.

offsets.npy        (terms + 1,) int64: term t owns postings offsets[t]:offsets[t + 1]
rows.npy           (postings,) int32, ascending within a term
impacts.npy        (postings,) uint16: the term's share of the row's BM25F in GRAINs, at least 1
common.npy         (c,) int32, ascending: terms held by at least one row in COMMON_EVERY
bits.npy           (c, words) uint64: bitmap of a common term's rows
ranks.npy          (c, words) int32: its postings before each word, which lead a bit to its impact
peaks.npy          (c, blocks) uint16: its best impact in each block of BLOCK rows
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from app.corpus.ragged import open_array, save_array
from app.domain.arrays import I32, I64, U16, U64, Array, Rows

BLOCK = 4096
"""Rows scored at a time: their sums (16 KiB) stay in the first-level cache."""

WORDS = BLOCK // 64

COMMON_EVERY = 32
"""A term in one row of so many gets a bitmap, which costs at most as much as its postings."""

GRAIN = 2.0**-11
"""Unit of an impact, in nats. Whole numbers add up alike in any order."""

HIGHEST = 46_000
"""No impact has more grains: idf of 1 row in 2³¹ is 22 nats. 64 of them stay below 2²⁴."""


class Postings(NamedTuple):
    """A static, impact-scored inverted index over `n` rows. A tuple, for kernels take those."""

    n: int
    offsets: I64  # (terms + 1,)
    rows: Rows  # (postings,)
    impacts: U16  # (postings,)
    common: I32  # (c,)
    bits: U64  # (c, words)
    ranks: I32  # (c, words)
    peaks: U16  # (c, blocks)

    def known(self, terms: I32) -> I32:
        """Return the terms that have postings here, in their order; -1 is no term."""
        return terms[(terms >= 0) & (terms < self.offsets.size - 1)]

    def rows_of(self, term: int) -> Rows:
        """Return the rows that hold a known term, ascending."""
        rows: Rows = self.rows[self.offsets[term] : self.offsets[term + 1]]
        return rows

    def sizes(self, terms: I32) -> I64:
        """Return how many rows hold each term: 0 for one that is newer than the index. (t,)"""
        sizes: I64 = np.zeros(terms.size, np.int64)
        has = (terms >= 0) & (terms < self.offsets.size - 1)
        sizes[has] = self.offsets[terms[has] + 1] - self.offsets[terms[has]]
        return sizes

    def most_matches(self, terms: I32) -> int:
        """Return a bound on the rows that hold any of the terms: their postings in all."""
        return int((self.offsets[terms + 1] - self.offsets[terms]).sum())

    def save(self, part: Path) -> None:
        for name in self._fields[1:]:
            save_array(part / name, getattr(self, name))

    @classmethod
    def open(cls, part: Path, n: int) -> Self:
        """Map what `save` wrote for a catalogue of `n` rows."""
        return cls(n, *(_open(part / name) for name in cls._fields[1:]))


def _open(path: Path) -> Array:
    """Map an array, read-only even where it is too small to map: kernels compile once a type."""
    values = open_array(path)
    values.flags.writeable = False
    return values
