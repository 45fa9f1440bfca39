"""Lexical: documents that hold the query's words, by BM25 over weighted fields (BM25F).

Any word may be missing (OR) unless `minimum_should_match` asks for more; rows whose words stand
together as in the query are lifted within the first `phrase_window`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.bm25 import K1, B
from app.corpus.documents import Documents
from app.domain.arrays import I32
from app.domain.candidates import ChannelHits
from app.recall.best_rows import best_rows
from app.recall.channel import ChannelConfig
from app.recall.indexing import WeightedField, invert
from app.recall.options import read_options
from app.recall.postings import Postings
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "lexical"


@dataclass(frozen=True, slots=True)
class LexicalOptions:
    k1: float = K1  # how soon more of the same word counts no more
    b: float = B  # length normalisation: 0 none, 1 full
    minimum_should_match: float = 0.0  # share of the query's known terms, rounded down


@dataclass(frozen=True, slots=True)
class LexicalChannel:
    """The inverted index and how to ask it. The score is BM25F in nats."""

    documents: Documents
    postings: Postings
    options: LexicalOptions

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        options = read_options(LexicalOptions, NAME, config)
        fields = [
            WeightedField(documents.tokens[f.name], f.weight, options.b)
            for f in documents.schema.searched
        ]
        invert(len(documents), len(documents.terms), fields, options.k1).save(part)

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        options = read_options(LexicalOptions, NAME, config)
        postings = Postings.open(part, len(snapshot))
        any_term = np.arange(min(1, len(snapshot.documents.terms)), dtype=np.int32)
        best_rows(postings, any_term, 1, 1)  # compiles here, not in the first query
        return cls(snapshot.documents, postings, options)

    def accepts(self, ctx: SearchContext) -> bool:
        return bool(ctx.query.terms)

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        terms = self.documents.terms.find_all(ctx.query.terms)
        known = terms[terms >= 0]
        matches = best_rows(self.postings, known, self._at_least(known), k, ctx.mask)
        return ChannelHits(NAME, matches.rows, matches.scores, total=matches.total)

    def _at_least(self, known: I32) -> int:
        return max(1, int(known.size * self.options.minimum_should_match))
