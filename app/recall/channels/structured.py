"""Structured: documents that have what the query names and bounds, whatever words they use.

    score(d) = Σ worth of the parts that d has ÷ Σ worth of all parts + TIE · liked(d)

A named value (海底捞 as a brand, 火锅 as a category) must stand in a field that knows it: an
address that says "opposite Haidilao" does not have it. Its worth is ln(1 + n / df); a bound on a
number is worth as much as a value that one document in BOUND_RARITY has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.domain.arrays import F32, F64, I64, Array, Bools, Rows
from app.domain.candidates import ChannelHits
from app.domain.filters import RowMask
from app.domain.reading import Mention, Reading
from app.recall.best_heap import keep, key_of, rows_of, score_of
from app.recall.channel import ChannelConfig
from app.recall.newer import NO_ROWS, Steady, add_newer, allowed_rows, loose_rows, numbers_of
from app.recall.options import read_options
from app.recall.popularity import Popularity
from app.snapshot.asked import holds, keeps
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "structured"
BOUND_RARITY = 5.0
TIE = np.float32(1e-3)  # below what any part is worth
EVERYTHING = np.empty(0, np.bool_)
_STAMPS = 127


@dataclass(frozen=True, slots=True)
class StructuredOptions:
    prior_share: float = 0.25  # see app.recall.popularity; it orders documents that have as much


@dataclass(frozen=True, slots=True)
class StructuredChannel:
    documents: Documents
    n: int  # rows of the snapshot
    measure: Popularity
    most: float  # the popularity of the most popular row
    liked: F32  # (n,) popularity as a share of it
    steady: Steady
    loose: tuple[Snapshot, Rows, F32] | None = None  # rows that came or changed since; their liked

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        read_options(StructuredOptions, NAME, config)  # the columns are the index

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        options, documents = read_options(StructuredOptions, NAME, config), snapshot.documents
        gain = tables.counters["gain"]
        measure = Popularity.of(documents, gain, options.prior_share)
        score = measure.score(gain, documents.numbers)
        most = float(score.max(initial=0)) or 1.0
        n = len(documents)
        return cls(documents, n, measure, most, score / np.float32(most), Steady(n))

    def follow(self, view: Snapshot, tables: Tables) -> Self:
        rows = loose_rows(view.overlay) if view.overlay is not None else NO_ROWS
        steady = Steady.of(view, self.n)
        if not rows.size:
            return replace(self, documents=view.documents, steady=steady, loose=None)
        numbers = numbers_of(view, rows, self.measure.known)
        liked = self.measure.score(tables.counters["gain"][rows], numbers) / np.float32(self.most)
        return replace(self, documents=view.documents, steady=steady, loose=(view, rows, liked))

    def accepts(self, ctx: SearchContext) -> bool:
        return ctx.query.reading.parts > 0

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        reading = ctx.query.reading
        worths = self._worths(reading)
        if not worths.size:
            return ChannelHits.nothing(NAME)
        rows, scores = rows_of(self._scan(reading, worths, self.steady.mask(ctx), k))
        if self.loose is not None:
            rows, scores = add_newer(rows, scores, *self._newer(reading, worths, ctx.mask), k)
        return ChannelHits(NAME, rows, scores)

    def _worths(self, reading: Reading) -> F64:
        """Return what each part is worth, summing to 1: mentions first. (parts,)"""
        mentions = [math.log1p(self.n / max(self._df(m), 1)) for m in reading.mentions]
        bounds = [math.log1p(BOUND_RARITY)] * len(reading.quantities)
        worths: F64 = np.array([*mentions, *bounds])
        worths /= max(float(worths.sum()), 1e-9)
        return worths

    def _df(self, mention: Mention) -> int:
        return sum(len(self.documents.keywords[f].postings[code]) for f, code in mention.options)

    def _scan(self, reading: Reading, worths: F64, mask: RowMask | None, k: int) -> I64:
        """Add up what every row has, and keep the best k as a heap."""
        met, stamps = np.zeros(self.n, np.float32), np.zeros(self.n, np.int8)
        for i, mention in enumerate(reading.mentions):
            for field, code in mention.options:
                postings = self.documents.keywords[field].postings[code]
                _add_listed(postings, worths[i], i % _STAMPS + 1, stamps, met)
        first = len(reading.mentions)
        for worth, quantity in zip(worths[first:], reading.quantities, strict=True):
            column, bounds = self.documents.numbers[quantity.range.field], quantity.range
            _add_inside(column, bounds.lower, bounds.upper, worth, met)
        heap: I64 = _best(met, self.liked, EVERYTHING if mask is None else mask.allowed, k)
        return heap

    def _newer(self, reading: Reading, worths: F64, mask: RowMask | None) -> tuple[Rows, F32]:
        """Score the rows that the scan leaves out."""
        assert self.loose is not None
        view, loose, liked = self.loose
        rows = allowed_rows(loose, mask)
        numbers = numbers_of(view, rows, {q.range.field for q in reading.quantities})
        parts = [
            *(holds(view.documents, m, rows) for m in reading.mentions),
            *(keeps(numbers[q.range.field], q.range) for q in reading.quantities),
        ]
        met = np.zeros(rows.size, np.float32)
        for worth, has in zip(worths, parts, strict=True):
            met += np.where(has, np.float32(worth), np.float32(0))
        own = liked if mask is None else liked[mask.allowed[loose]]
        return rows[met > 0], (met + TIE * own)[met > 0]


@njit(cache=True, nogil=True)
def _add_listed(rows: Rows, worth: float, stamp: int, stamps: Array, met: F32) -> None:
    """Add a value's worth to the rows that hold it, once a row for each part."""
    for row in rows:
        if row < met.size and stamps[row] != stamp:
            stamps[row] = stamp
            met[row] += np.float32(worth)


@njit(cache=True, nogil=True)
def _add_inside(column: F64, lower: float, upper: float, worth: float, met: F32) -> None:
    for row in range(met.size):
        met[row] += np.float32(worth) * ((column[row] >= lower) & (column[row] <= upper))


@njit(cache=True, nogil=True)
def _best(met: F32, liked: F32, allowed: Bools, k: int) -> I64:
    heap = np.zeros(k, np.int64)
    floor = np.float32(0)
    for row in range(met.size):
        if met[row] > 0 and met[row] + TIE >= floor and (not allowed.size or allowed[row]):
            keep(heap, key_of(met[row] + TIE * liked[row], row))
            floor = score_of(heap[0])
    return heap
