"""BM25F of rows that came after the snapshot, from postings of their own.

The same grains as `indexing` writes for a posting, by the snapshot's own df, lengths and number of
rows: a document scores alike before and after it is folded into an index of these statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numba import njit

from app.corpus.bm25 import idf, saturate
from app.corpus.ragged import Ragged, frozen
from app.domain.arrays import F32, I32, I64
from app.domain.filters import RowMask
from app.recall.best_rows import Matches
from app.recall.indexing import WeightedField, merge_rows, weigh_field
from app.recall.newer_postings import GrowingPostings, Inverted, pick
from app.recall.postings import GRAIN, Postings

EVERYTHING = np.empty(0, np.bool_)


@dataclass(frozen=True, slots=True)
class NewerText:
    """What a view's newer rows hold: one thread goes on, any may search."""

    own: Postings  # of the rows before them, and whose statistics count
    k1: float
    growing: GrowingPostings  # shared with earlier and later views
    count: int = 0  # rows of this view

    def follow(self, n: int, fields: Sequence[WeightedField]) -> Self:
        """Return the same of a view of `n` rows, to the newest of which the columns reach."""
        count = n - self.own.n
        last = self if self.growing.rows == self.count <= count else self._anew()
        if last.count < count:
            inverted = _inverted(fields, last.own.n + last.count, n, last.count)
            terms = max((len(field.column.df) for field in fields), default=0)
            last.growing.add(count - last.count, terms, last._weighed(*inverted))
        return replace(last, count=count)

    def most_matches(self, terms: I32) -> int:
        """Return a bound on the newer rows that hold any of the terms."""
        return self.growing.most_matches(terms)

    def find(self, terms: I32, at_least: int, mask: RowMask | None, floor: float = 0.0) -> Matches:
        """Return the rows that hold at least `at_least` of the distinct terms and score the floor.

        By row; `total` counts the others too.
        """
        allowed = EVERYTHING if mask is None else mask.allowed[self.own.n :]
        sums = self.growing.add_up(terms, self.count)
        places, grains, total = pick(sums, allowed, at_least, int(floor / GRAIN))
        return Matches(places + np.int32(self.own.n), grains * np.float32(GRAIN), total)

    def _weighed(self, terms: I32, starts: I64, ends: I64, places: I32, sums: F32) -> Inverted:
        df = self.own.sizes(terms)
        impacts: I32 = _impacts(self.own.n, df, starts, ends, sums, self.k1)
        return Inverted(terms.astype(np.int64), starts, ends, places, impacts)

    def _anew(self) -> Self:
        """Begin again: another view went on from the same one, or this is an earlier one."""
        return replace(self, growing=GrowingPostings(), count=0)


def _inverted(
    fields: Sequence[WeightedField], first: int, last: int, place: int
) -> tuple[I32, I64, I64, I32, F32]:
    """Return the distinct terms of some rows, where each one's postings begin and end, their
    places, from `place` on, and Σ weight · normalised tf.
    """
    columns, terms = _among_themselves([f.column.tokens for f in fields], first, last)
    lengths = sum((c.lengths for c in columns), start=np.zeros(last - first, np.int64))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ends, tf = starts[:-1].copy(), np.zeros(terms.size, np.int32)
    held, gains = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    for field, column in zip(fields, columns, strict=True):
        average = field.column.average_length
        weigh_field(
            0, column.offsets, column.values, field.weight, average, field.b, tf, ends, held, gains
        )
    room = np.zeros(terms.size + 1, np.int64)
    for column in columns:
        room[1:] += np.bincount(column.values, minlength=terms.size)
    firsts = np.cumsum(room)
    places, sums = np.empty(firsts[-1], np.int32), np.empty(firsts[-1], np.float32)
    cursors, total = firsts[:-1].copy(), np.zeros(terms.size, np.float32)
    merge_rows(place, starts, ends, held, gains, total, cursors, places, sums)
    return terms, firsts[:-1], cursors, places, sums


def _among_themselves(columns: Sequence[Ragged], first: int, last: int) -> tuple[list[Ragged], I32]:
    """Number the terms of some rows from 0 on, ascending: what is laid out by term stays small."""
    offsets = [c.offsets[first : last + 1] for c in columns]
    held = [c.values[o[0] : o[-1]] for c, o in zip(columns, offsets, strict=True)]
    terms, places = np.unique(np.concatenate([*held, _NO_TERMS]), return_inverse=True)
    parts = np.split(places.astype(np.int32), np.cumsum([h.size for h in held])[:-1])
    return [
        Ragged(frozen(o - o[0]), frozen(part)) for o, part in zip(offsets, parts, strict=False)
    ], terms


_NO_TERMS = np.empty(0, np.int32)


@njit(cache=True, nogil=True)
def _impacts(n: int, df: I64, starts: I64, ends: I64, sums: F32, k1: float) -> I32:
    """Turn each sum into BM25F, as `indexing.close_gaps` does."""
    impacts = np.zeros(sums.size, np.int32)
    for term in range(df.size):
        worth = idf(df[term], n) / GRAIN
        for at in range(starts[term], ends[term]):
            impacts[at] = max(1, round(worth * saturate(sums[at], k1)))
    return impacts
