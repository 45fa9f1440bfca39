"""The documents of each keyword value, most liked first, and the best of them for some values.

A row's place in the order of liking is its rank. Whatever a row has of what is asked, a later one
that has the same is liked no more: lists are read from the top, until what is left of them cannot
be among the k best. Lists of parts that cannot bring a row up there alone are only looked up
(MaxScore: Turtle & Flood 1995).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Self, TypeAlias

import numpy as np
from numba import njit

from app.corpus.documents import KeywordColumn
from app.corpus.lower_bound import lower_bound
from app.domain.arrays import F32, F64, I32, I64, Bools, Rows
from app.recall.best_heap import LAST_ROW, keep, key_of, read, score_of

TIE = np.float32(1e-3)
"""What being liked adds at most: below what any part of a query is worth."""


Span: TypeAlias = tuple[int, int, int]
"""Where a list begins and ends, and the part that it belongs to."""


@dataclass(frozen=True, slots=True)
class LikedLists:
    """All values of all fields share one range of numbers: a code counts from its field's first."""

    rows: Rows  # (n,) by falling liking, equal ones by row
    liked: F32  # (n,) aligned with rows
    firsts: Mapping[str, int]  # the number of the value 0 of each field
    sizes: Mapping[str, int]  # values of each field
    starts: I64  # (values + 1,) where the list of each value begins
    ranks: I32  # ascending in each list

    @classmethod
    def of(cls, columns: Mapping[str, KeywordColumn], liked: F32) -> Self:
        """Order all rows by `liked` (n,)."""
        rows = np.argsort(-liked, kind="stable").astype(np.int32)
        rank_of = np.empty_like(rows)
        rank_of[rows] = np.arange(rows.size, dtype=np.int32)
        sizes = {f: len(c.postings) for f, c in columns.items()}
        firsts = dict(zip(sizes, accumulate(sizes.values(), initial=0), strict=False))
        postings = [c.postings for c in columns.values()]
        starts = np.concatenate([[0], *(p.lengths for p in postings)]).cumsum().astype(np.int64)
        ranks = np.concatenate([rank_of[:0], *(rank_of[p.values] for p in postings)])
        for value in np.flatnonzero(np.diff(starts) > 1):
            ranks[starts[value] : starts[value + 1]].sort()
        return cls(rows, liked[rows], firsts, sizes, starts, ranks)

    def spans(self, parts: Iterable[Iterable[tuple[str, int]]]) -> list[Span]:
        """Return where the lists of the parts lie, a part being some values: fields and codes.

        A value that is newer than the index has none.
        """
        start_of, first_of, sizes = self.starts.item, self.firsts, self.sizes
        return [
            (start_of(first_of[field] + code), start_of(first_of[field] + code + 1), part)
            for part, options in enumerate(parts)
            for field, code in options
            if code < sizes[field]
        ]

    def best(self, spans: Sequence[Span], worths: F64, allowed: Bools, k: int) -> tuple[Rows, F32]:
        """Return the best k rows by Σ worth of the parts that a row has + TIE · its liking.

        A row has a part if it has one of its values; rows without any are left out. `spans` are of
        the parts in their order; `worths` (parts,); `allowed` (0,) allows all.
        """
        if not spans:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        lists = np.array(spans, np.int64)
        best: tuple[Rows, F32] = _best_of(
            self.ranks, self.rows, self.liked, lists, worths, allowed, k
        )
        return best


@njit(cache=True, nogil=True)
def _best_of(
    ranks: I32, rows: Rows, liked: F32, lists: I64, worths: F64, allowed: Bools, k: int
) -> tuple[Rows, F32]:
    best: tuple[Rows, F32] = read(_best(ranks, rows, liked, lists, worths, allowed, k))
    return best


@njit(cache=True, nogil=True)
def _best(
    ranks: I32, rows: Rows, liked: F32, lists: I64, worths: F64, allowed: Bools, k: int
) -> I64:
    """Return keys of the best k rows, as a heap. Lists are (start, end, part), parts ascending.

    Sums are of float32 and in the order of the parts, so that a bound is never below a score.
    """
    heap, at, is_open = np.zeros(k, np.int64), lists[:, 0].copy(), np.ones(worths.size, np.bool_)
    lightest = _lightest(worths, is_open)
    most = _most(worths, is_open, lightest)  # of rows with nothing but this and what is not open
    rank = _next(ranks, lists, at, is_open, 0)
    while rank < rows.size:
        while most + TIE * liked[rank] < score_of(heap[0]):
            is_open[lightest] = False
            lightest = _lightest(worths, is_open)
            if lightest < 0:
                return heap
            most = _most(worths, is_open, lightest)
        row = rows[rank]
        if not allowed.size or allowed[row]:
            met = _met(ranks, lists, at, worths, rank)
            keep(heap, key_of(met + TIE * liked[rank], row))
        rank = _next(ranks, lists, at, is_open, rank + 1)
    return heap


@njit(cache=True, nogil=True)
def _lightest(worths: F64, is_open: Bools) -> int:
    """Return the open part that is worth least, -1 where none is open."""
    found = -1
    for part in range(worths.size):
        if is_open[part] and (found < 0 or worths[part] < worths[found]):
            found = part
    return found


@njit(cache=True, nogil=True)
def _most(worths: F64, is_open: Bools, also: int) -> np.float32:
    """Return Σ worth of one part and of those that are not open."""
    most = np.float32(0)
    for part in range(worths.size):
        if part == also or not is_open[part]:
            most += np.float32(worths[part])
    return most


@njit(cache=True, nogil=True)
def _next(ranks: I32, lists: I64, at: I64, is_open: Bools, least: int) -> int:
    """Return the first rank from `least` on in a list of an open part, LAST_ROW if none is."""
    first = LAST_ROW
    for i in range(at.size):
        if is_open[lists[i, 2]]:
            at[i] = _reach(ranks, at[i], lists[i, 1], least)
            if at[i] < lists[i, 1]:
                first = min(first, int(ranks[at[i]]))
    return first


@njit(cache=True, nogil=True)
def _met(ranks: I32, lists: I64, at: I64, worths: F64, rank: int) -> np.float32:
    """Return Σ worth of the parts that the rank has."""
    met, last = np.float32(0), -1
    for i in range(at.size):
        at[i] = _reach(ranks, at[i], lists[i, 1], rank)
        if at[i] < lists[i, 1] and ranks[at[i]] == rank and lists[i, 2] != last:
            last = lists[i, 2]
            met += np.float32(worths[last])
    return met


@njit(cache=True, nogil=True)
def _reach(ranks: I32, at: int, end: int, rank: int) -> int:
    """Return the first place from `at` on whose rank is no less: in growing steps, then by halves.

    (Bentley & Yao, "An almost optimal algorithm for unbounded searching", 1976.)
    """
    if at >= end or ranks[at] >= rank:
        return at
    step = 1
    while at + step < end and ranks[at + step] < rank:
        at, step = at + step, 2 * step
    first: int = lower_bound(ranks, at + 1, min(at + step, end), rank)
    return first
