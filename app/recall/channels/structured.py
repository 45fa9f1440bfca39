"""Structured: documents that have what the query names and bounds, whatever words they use.

    score(d) = Σ worth of the parts that d has ÷ Σ worth of all parts + TIE · liked(d)

A named value (海底捞 as a brand, 火锅 as a category) must stand in a field that knows it: an
address that says "opposite Haidilao" does not have it. Its worth is ln(1 + n / df); a bound on a
number is worth as much as a value that one document in BOUND_RARITY has, and so is standing where
the query names a place to be near to (天安门附近): wholly there, and less up to NEAR_KM.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.documents import Documents
from app.corpus.geometry import haversine_km, within_km
from app.domain.arrays import F32, F64, Bools, Rows
from app.domain.candidates import ChannelHits
from app.domain.query import GeoPoint
from app.domain.reading import Quantity, Reading
from app.recall.best_heap import rows_of, score_of
from app.recall.channel import ChannelConfig
from app.recall.liked_lists import TIE, LikedLists, Span
from app.recall.newer import Steady, floor_of, is_filtered, numbers_of
from app.recall.once import OncePerRow, of_loose_rows
from app.recall.options import read_options
from app.recall.popularity import Popularity
from app.recall.posting_sums import add_up, best_of
from app.recall.topk import add_rows, top_rows
from app.snapshot.asked import holds, keeps, named_place
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "structured"
BOUND_RARITY = 5.0
BOUND = math.log1p(BOUND_RARITY)
NEAR_KM = 5.0
NAMED = 0.1
"""How certain it is where values are named alone: words find these as well, and order them better.
Of bounds and places words know nothing."""
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
    lists: LikedLists
    steady: Steady
    newer: OncePerRow  # the same share of each row behind those, by its numbers as written
    loose: tuple[Snapshot, Rows, F32] | None = None  # rows that came since, by falling liking

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
        liked, n = score / np.float32(most), len(documents)
        lists, newer = LikedLists.of(documents.keywords, liked), OncePerRow.after(n)
        return cls(documents, n, measure, most, liked, lists, Steady(n), newer)

    def follow(self, view: Snapshot, tables: Tables) -> Self:
        if view.overlay is None:
            return replace(self, documents=view.documents, steady=Steady(self.n), loose=None)
        work = partial(self._liked, view, tables)
        newer = self.newer.follow(len(view), work)
        rows, liked = of_loose_rows(view.overlay, newer, work)
        loose = (view, *top_rows(rows, liked, rows.size)) if rows.size else None
        steady = Steady.of(view, self.n)
        return replace(self, documents=view.documents, steady=steady, newer=newer, loose=loose)

    def _liked(self, view: Snapshot, tables: Tables, rows: Rows) -> F32:
        numbers = numbers_of(view, rows, self.measure.known)
        score = self.measure.score(tables.counters["gain"][rows], numbers)
        return score / np.float32(self.most)

    def accepts(self, ctx: SearchContext) -> bool:
        return ctx.query.reading.parts > 0 or _near(ctx) is not None

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        reading, near = ctx.query.reading, _near(ctx)
        spans = self.lists.spans([m.options for m in reading.mentions])
        worths = self._worths(reading, near, spans)
        if not worths.size:
            return ChannelHits.nothing(NAME)
        mask = self.steady.mask(ctx)
        allowed = EVERYTHING if mask is None else mask.allowed
        says_more = bool(reading.quantities) or near is not None
        if says_more:
            rows, scores = self._bound(reading, near, worths, allowed, k)
        else:
            rows, scores = self.lists.best(spans, worths, allowed, k)
        if self.loose is not None:
            newer = self._newer(reading, near, worths, ctx, floor_of(scores, k))
            rows, scores = add_rows(rows, scores, *newer, k)
        return ChannelHits(NAME, rows, scores, certainty=1.0 if says_more else NAMED)

    def _worths(self, reading: Reading, near: GeoPoint | None, spans: Sequence[Span]) -> F64:
        """Return what each part is worth, summing to 1: mentions, bounds, the place. (parts,)"""
        dfs = [0] * len(reading.mentions)
        for start, end, part in spans:
            dfs[part] += end - start
        bounds = len(reading.quantities) + (near is not None)
        told = [math.log1p(self.n / max(df, 1)) for df in dfs] + [BOUND] * bounds
        whole = max(sum(told), 1e-9)
        return np.array([worth / whole for worth in told])

    def _bound(
        self, reading: Reading, near: GeoPoint | None, worths: F64, allowed: Bools, k: int
    ) -> tuple[Rows, F32]:
        """Find the best k rows by what they hold, their numbers and where they lie.

        Those that hold a named value are looked at first. The others can have no more than all
        the bounds and the place: they are looked at only where that might be among the best.
        """
        rows, met = self._holding(reading, worths)
        bounds, worth_of = reading.quantities, worths[len(reading.mentions) :]
        met = self._bounded(bounds, near, worth_of, rows, met)
        heap = best_of(rows, met, self.liked, allowed, k)
        if score_of(heap[0]) <= np.float32(worth_of.sum()) + 2 * TIE:
            all_rows = np.arange(self.n, dtype=np.int32)
            everywhere = np.zeros(self.n, np.float32)
            everywhere = self._bounded(bounds, near, worth_of, all_rows, everywhere)
            everywhere[rows] = met
            met = everywhere
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

    def _bounded(
        self, bounds: Sequence[Quantity], near: GeoPoint | None, worths: F64, rows: Rows, met: F32
    ) -> F32:
        """Add what the rows' numbers and places are worth."""
        total = met.copy()
        for worth, quantity in zip(worths, bounds, strict=False):
            values = self.documents.numbers[quantity.range.field][rows]
            total[keeps(values, quantity.range)] += np.float32(worth)
        if near is not None:
            total += np.float32(worths[-1]) * self._nearness(near, rows)
        return total

    def _nearness(self, near: GeoPoint, rows: Rows) -> F32:
        """Return 1 at the place, falling to 0 at NEAR_KM and where there is none. (m,)"""
        lats, lons = (self.documents.numbers[name][rows] for name in ("lat", "lon"))
        close = np.flatnonzero(within_km(near.lat, near.lon, NEAR_KM, lats, lons))
        km = haversine_km(near.lat, near.lon, lats[close], lons[close])
        shares = np.zeros(rows.size, np.float32)
        shares[close] = 1 - km / NEAR_KM
        return shares

    def _newer(
        self, reading: Reading, near: GeoPoint | None, worths: F64, ctx: SearchContext, floor: float
    ) -> tuple[Rows, F32]:
        """Score the rows that the scan leaves out; return those that reach the floor.

        Mostly the snapshot's own best have every part: then few others are liked as much.
        """
        assert self.loose is not None
        view, rows, liked = self.loose
        every_part = np.float32(0)
        for worth in worths:  # as parts are added up below, to the last bit
            every_part += np.float32(worth)
        most = every_part + TIE * liked
        may_be = slice(int(np.count_nonzero(most >= np.float32(floor))))
        rows, liked = rows[may_be], liked[may_be]
        if ctx.mask is not None and is_filtered(ctx):
            allowed = ctx.mask.allowed[rows]
            rows, liked = rows[allowed], liked[allowed]
        numbers = numbers_of(view, rows, {q.range.field for q in reading.quantities})
        parts = [
            *(holds(view.documents, m, rows) for m in reading.mentions),
            *(keeps(numbers[q.range.field], q.range) for q in reading.quantities),
        ]
        met = np.zeros(rows.size, np.float32)
        for worth, has in zip(worths, parts, strict=False):
            met += np.where(has, np.float32(worth), np.float32(0))
        if near is not None:
            met += np.float32(worths[-1]) * self._nearness(near, rows)
        scores = met + TIE * liked
        good = np.flatnonzero((met > 0) & (scores >= np.float32(floor)))
        return rows[good], scores[good]


def _near(ctx: SearchContext) -> GeoPoint | None:
    """Return the place that the query names; one that it does not name bounds nothing."""
    return named_place(ctx.snapshot.documents, ctx.query.reading)
