"""Embedding: documents that behaviour's vectors hold for likely, by cosine with the query's or,
without a query, with where the person's latest documents lead.

Every known target is measured, exactly: what was acted on is less than the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.documents import Documents
from app.domain.arrays import F32, I32, Rows
from app.domain.candidates import ChannelHits
from app.recall.channel import ChannelConfig
from app.recall.options import read_options
from app.recall.topk import top_rows
from app.snapshot.context import SearchContext
from app.snapshot.embeddings import cosines
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables
from app.snapshot.towers import query_tower, taste_tower

NAME = "embedding"


@dataclass(frozen=True, slots=True)
class EmbeddingOptions:
    """None yet."""


@dataclass(frozen=True, slots=True)
class EmbeddingChannel:
    """The score is the cosine. Its zero says nothing: negatives push all targets off alike."""

    tables: Tables
    rows: Rows  # (p,) ascending, of the documents that have a target
    ordinals: I32  # (p,) of the same

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        read_options(EmbeddingOptions, NAME, config)

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        read_options(EmbeddingOptions, NAME, config)
        return cls.over(tables)

    def follow(self, view: Snapshot, tables: Tables) -> Self:
        return self.over(tables)

    @classmethod
    def over(cls, tables: Tables) -> Self:
        """Serve every document that the tables hold a target of."""
        if tables.embeddings is None:
            return cls(tables, np.empty(0, np.int32), np.empty(0, np.int32))
        here = np.flatnonzero(tables.ordinal_of >= 0)
        known = here[~np.isnan(tables.embeddings.targets[tables.ordinal_of[here], 0])]
        return cls(tables, known.astype(np.int32), tables.ordinal_of[known])

    def accepts(self, ctx: SearchContext) -> bool:
        return self.rows.size > 0 and (bool(ctx.query.terms) or ctx.user.is_known)

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        vector, embeddings = self._tower(ctx), self.tables.embeddings
        if vector is None or embeddings is None:
            return ChannelHits.nothing(NAME)
        rows, ordinals = self.rows, self.ordinals
        if ctx.mask is not None:
            allowed = ctx.mask.allowed[rows]
            rows, ordinals = rows[allowed], ordinals[allowed]
        scores = cosines(embeddings.targets, ordinals, vector)
        return ChannelHits(NAME, *top_rows(rows, scores, k))

    def _tower(self, ctx: SearchContext) -> F32 | None:
        if ctx.query.terms:
            return query_tower(self.tables, ctx.query.terms)
        return taste_tower(self.tables, ctx.user)
