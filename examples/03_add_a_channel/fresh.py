"""Fresh: what came last, of what is in stock. A recall channel in a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.documents import Documents
from app.domain.arrays import F64, Rows
from app.domain.candidates import ChannelHits
from app.recall.channel import ChannelConfig
from app.recall.options import read_options
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "fresh"
MS_A_DAY = 86_400_000.0


@dataclass(frozen=True, slots=True)
class FreshOptions:
    """The channel's own keys of [channels.fresh]."""

    days: float = 90.0  # older ones are not returned


@dataclass(frozen=True, slots=True)
class FreshChannel:
    """The score is −age in days at the time of the query: higher is better, as everywhere."""

    order: Rows  # (m,) rows with a time, the latest first
    published_ms: F64  # (m,) aligned with order
    days: float

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        """Nothing is written: `open` sorts one column. A wrong key is refused here."""
        read_options(FreshOptions, NAME, config)

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        options, numbers = read_options(FreshOptions, NAME, config), snapshot.documents.numbers
        published = np.asarray(numbers["published_at"])
        order = np.argsort(-published, kind="stable")  # equal times by row; NaN last
        order = order[np.isfinite(published[order])].astype(np.int32)
        return cls(order, published[order], options.days)

    def accepts(self, ctx: SearchContext) -> bool:
        return True

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        """The latest k that filters allow: ctx.mask is applied inside, so none is lost."""
        age_days = (ctx.query.now_ms - self.published_ms) / MS_A_DAY
        fits = age_days <= self.days
        if ctx.mask is not None:
            fits &= ctx.mask.allowed[self.order]
        found = np.flatnonzero(fits)[:k]
        return ChannelHits(NAME, self.order[found], -age_days[found].astype(np.float32))
