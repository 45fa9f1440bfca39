"""Structured: documents that have what the query names and bounds, whatever words they use.

    score(d) = Σ worth of the parts that d has ÷ Σ worth of all parts + TIE · liked(d)

A named value (海底捞 as a brand, 火锅 as a category) must stand in a field that knows it: an
address that says "opposite Haidilao" does not have it. Its worth is ln(1 + n / df); a bound on a
number is worth as much as a value that one document in BOUND_RARITY has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.documents import Documents
from app.domain.arrays import F32, F64, Rows
from app.domain.candidates import ChannelHits
from app.domain.filters import RowMask
from app.domain.reading import Mention, Quantity, Reading
from app.recall.best_heap import rows_of, score_of
from app.recall.channel import ChannelConfig
from app.recall.newer import NO_ROWS, Steady, add_newer, allowed_rows, loose_rows, numbers_of
from app.recall.options import read_options
from app.recall.popularity import Popularity
from app.recall.posting_sums import TIE, add_up, best_of
from app.snapshot.asked import holds, keeps
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "structured"
BOUND_RARITY = 5.0
EVERYTHING = np.empty(0, np.bool_)


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
        rows, scores = self._own(reading, worths, self.steady.mask(ctx), k)
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

    def _own(self, reading: Reading, worths: F64, mask: RowMask | None, k: int) -> tuple[Rows, F32]:
        """Find the best k of the snapshot's own rows.

        Those that hold a named value are looked at first. The others can have no more than all
        the bounds: they are looked at only where that might be among the best.
        """
        rows, met = self._holding(reading, worths)
        allowed = EVERYTHING if mask is None else mask.allowed
        bounds, worth_of = reading.quantities, worths[len(reading.mentions) :]
        heap = best_of(rows, self._bounded(bounds, worth_of, rows, met), self.liked, allowed, k)
        if bounds and score_of(heap[0]) <= np.float32(worth_of.sum()) + 2 * TIE:
            everywhere = np.zeros(self.n, np.float32)
            everywhere[rows] = met
            all_rows = np.arange(self.n, dtype=np.int32)
            met = self._bounded(bounds, worth_of, all_rows, everywhere)
            heap = best_of(all_rows, met, self.liked, allowed, k)
        return rows_of(heap)

    def _holding(self, reading: Reading, worths: F64) -> tuple[Rows, F32]:
        """Return the rows that hold any named value, ascending, and what all theirs are worth."""
        lists = [
            (self.documents.keywords[field].postings[code], part)
            for part, mention in enumerate(reading.mentions)
            for field, code in mention.options
            if code < len(self.documents.keywords[field].postings)
        ]
        if not lists:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        postings = np.concatenate([rows for rows, _ in lists])
        starts = np.cumsum([0, *(rows.size for rows, _ in lists)])
        parts = np.array([part for _, part in lists])
        found: tuple[Rows, F32] = add_up(postings, starts, parts, worths, self.n)
        return found

    def _bounded(self, bounds: Sequence[Quantity], worths: F64, rows: Rows, met: F32) -> F32:
        """Add what the rows' numbers are worth."""
        total = met.copy()
        for worth, quantity in zip(worths, bounds, strict=True):
            values = self.documents.numbers[quantity.range.field][rows]
            total[keeps(values, quantity.range)] += np.float32(worth)
        return total

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
