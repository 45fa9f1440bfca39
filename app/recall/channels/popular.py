"""Popular: what is liked now, whoever asks. The channel of the cold start and the empty query.

The order is made once, when tables meet snapshot; a request takes its first allowed rows. Rows
that came or changed later have an order of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.documents import Documents
from app.corpus.masks import rows_in
from app.domain.arrays import F32, Rows
from app.domain.candidates import ChannelHits
from app.domain.filters import RowMask
from app.recall.channel import ChannelConfig
from app.recall.newer import Steady, numbers_of
from app.recall.once import OncePerRow, of_loose_rows
from app.recall.options import read_options
from app.recall.popularity import Popularity
from app.recall.topk import add_rows, top_rows
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "popular"
MOST = 1000  # rows that a channel may be asked for


@dataclass(frozen=True, slots=True)
class PopularOptions:
    prior_share: float = 0.25  # worth of the catalogue's own columns; see app.recall.popularity


@dataclass(frozen=True, slots=True)
class PopularChannel:
    """Every row, best first. The score is its popularity in decayed gains."""

    order: Rows  # (n,) by (-score, row)
    scores: F32  # (n,) aligned with order
    place: Rows  # (n,) position of each row in order
    measure: Popularity
    steady: Steady  # the rows for which the order still holds
    newer: OncePerRow  # the score of each row behind them, by its numbers as they were written
    loose: tuple[Rows, F32] | None = None  # all others, best first, and their scores
    first: tuple[Rows, F32] | None = None  # the MOST best living of all rows, and their scores

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        read_options(PopularOptions, NAME, config)

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        options = read_options(PopularOptions, NAME, config)
        gain, documents = tables.counters["recent_gain"], snapshot.documents
        measure = Popularity.of(documents, gain, options.prior_share)
        score = measure.score(gain, documents.numbers)
        order = np.argsort(-score, kind="stable").astype(np.int32)
        place = np.empty_like(order)
        place[order] = np.arange(order.size, dtype=np.int32)
        n = order.size
        return cls(order, score[order], place, measure, Steady(n), OncePerRow.after(n))

    def follow(self, view: Snapshot, tables: Tables) -> Self:
        if view.overlay is None:
            return replace(self, steady=Steady(self.order.size), loose=None, first=None)
        work = partial(self._scores, view, tables)
        newer = self.newer.follow(len(view), work)
        rows, scores = of_loose_rows(view.overlay, newer, work)
        loose = top_rows(rows, scores, rows.size)
        steady = Steady.of(view, self.order.size)
        own = self._own(steady.unfiltered, MOST)
        first = add_rows(*own, loose[0][:MOST], loose[1][:MOST], MOST)
        return replace(self, steady=steady, newer=newer, loose=loose, first=first)

    def _scores(self, view: Snapshot, tables: Tables, rows: Rows) -> F32:
        numbers = numbers_of(view, rows, self.measure.known)
        return self.measure.score(tables.counters["recent_gain"][rows], numbers)

    def accepts(self, ctx: SearchContext) -> bool:
        return True

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        is_filtered = self.steady.is_filtered(ctx)
        if self.first is not None and k <= MOST and not is_filtered:
            rows, scores = self.first
            return ChannelHits(NAME, rows[:k], scores[:k])
        rows, scores = self._own(self.steady.mask(ctx), k)
        if self.loose is not None:
            loose, worth = self.loose
            if is_filtered and ctx.mask is not None:
                kept = ctx.mask.allowed[loose]
                loose, worth = loose[kept], worth[kept]
            rows, scores = add_rows(rows, scores, loose[:k], worth[:k], k)
        return ChannelHits(NAME, rows, scores)

    def _own(self, mask: RowMask | None, k: int) -> tuple[Rows, F32]:
        """Return the first k of the rows for which the order holds."""
        first = slice(k) if mask is None else self._first_allowed(mask, k)
        return self.order[first], self.scores[first]

    def _first_allowed(self, mask: RowMask, k: int) -> Rows:
        """Return the positions of the first k allowed rows.

        Walks down the order in growing blocks; where so few rows are allowed that the walk
        would be long (k / share of allowed rows), sorts those by their place instead.
        """
        if mask.count * mask.count <= k * self.order.size:
            return np.sort(self.place[rows_in(mask.allowed)])[:k]
        found: list[Rows] = []
        start, missing, step = 0, k, 4 * k
        while start < self.order.size and missing > 0:
            block = self.order[start : start + step]
            at = np.flatnonzero(mask.allowed[block])[:missing] + start
            found.append(at.astype(np.int32))
            start, missing, step = start + step, missing - at.size, 2 * step
        return np.concatenate(found)
