"""Lexical: documents that hold the query's words, by BM25 over weighted fields (BM25F).

Any word may be missing (OR) unless `minimum_should_match` asks for more; a request that is a whole
sentence is searched without its function words. The best PHRASE_WINDOW rows are then lifted by
what stands in them side by side as in the query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from app.corpus.bm25 import K1, B
from app.corpus.documents import Documents
from app.corpus.function_words import content_terms, function_words
from app.domain.arrays import F64, I32, U64, Bools
from app.domain.candidates import ChannelHits
from app.domain.filters import RowMask
from app.recall.best_rows import Matches, best_rows, holds_any
from app.recall.bitmaps import pack
from app.recall.channel import ChannelConfig
from app.recall.indexing import WeightedField, invert
from app.recall.newer import base_part, floor_of
from app.recall.newer_postings import GrowingPostings
from app.recall.newer_text import NewerText
from app.recall.options import read_options
from app.recall.phrases import phrase_bonus, phrase_weights
from app.recall.postings import Postings
from app.recall.topk import add_rows, top_rows
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

NAME = "lexical"

PHRASE_WINDOW = 200
"""Rows looked at for phrases, whatever k is, so that a smaller k stays a prefix of a larger one."""

WHOLE = 1000
"""Up to so many matches, all are looked at: a filter then only leaves rows out."""


@dataclass(frozen=True, slots=True)
class LexicalOptions:
    k1: float = K1  # how soon more of the same word counts no more
    b: float = B  # length normalisation: 0 none, 1 full
    field_b: Mapping[str, float] = field(default_factory=dict)  # the same, of single fields
    minimum_should_match: float = 0.0  # share of the query's known terms, rounded down; 0 any
    phrase_boost: float = 0.5  # of what neighbouring words earn; 0 looks for none


@dataclass(frozen=True, slots=True)
class LexicalChannel:
    """The inverted index and how to ask it. The score is in nats."""

    documents: Documents
    postings: Postings
    phrases: F64  # (fields,) weight of neighbouring words in each searched field
    function_terms: frozenset[str]
    options: LexicalOptions
    newer: NewerText  # rows that came after the snapshot
    living: Living | None = None  # of the snapshot's own rows; None where none died

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        options = read_options(LexicalOptions, NAME, config)
        fields = _weighted_fields(documents, options)
        invert(len(documents), len(documents.terms), fields, options.k1).save(part)

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        options = read_options(LexicalOptions, NAME, config)
        postings = Postings.open(part, len(snapshot))
        channel = cls(
            snapshot.documents, postings, phrase_weights(snapshot.documents),
            function_words(snapshot.analyzer), options,
            NewerText(postings, options.k1, GrowingPostings()),
        )  # fmt: skip
        any_terms = np.arange(min(2, len(snapshot.documents.terms)), dtype=np.int32)
        channel.find(any_terms, any_terms[:0], 1, None)  # compiles here, not in the first query
        return channel

    def follow(self, view: Snapshot, tables: Tables) -> Self:
        fields = _weighted_fields(view.documents, self.options)
        newer, living = self.newer.follow(len(view), fields), Living.of(view, self.postings.n)
        return replace(self, documents=view.documents, newer=newer, living=living)

    def accepts(self, ctx: SearchContext) -> bool:
        return bool(ctx.query.terms)

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        matches = self.find(*self._ids(ctx), k, ctx.mask)
        return ChannelHits(NAME, matches.rows, matches.scores, total=matches.total)

    def matching(self, ctx: SearchContext) -> Bools:
        """Tell which rows hold enough of the words, as `recall` counts them. (n,)"""
        ids, also = self._ids(ctx)
        known, at_least = self._asked(ids, also)
        held, allowed = np.zeros(len(ctx.snapshot), np.uint8), np.zeros(len(ctx.snapshot), np.bool_)
        if not known.size:
            return allowed
        for term in self.postings.known(known).tolist():
            held[self.postings.rows_of(term)] += 1
        allowed = held >= at_least
        if self.newer.count:
            allowed[self.newer.find(known, at_least, None).rows] = True
        return allowed if ctx.mask is None else allowed & ctx.mask.allowed

    def has_match(self, ctx: SearchContext) -> bool:
        """Tell whether `recall` would count any match."""
        ids, also = self._ids(ctx)
        if ids.size * self.options.minimum_should_match >= 2:  # else one word is enough
            known, at_least = self._asked(ids, also)
            return self._best(known, at_least, 1, ctx.mask).total > 0
        own = base_part(ctx.mask, self.postings.n)
        if holds_any(self.postings, ids, own) or holds_any(self.postings, also, own):
            return True
        known, at_least = self._asked(ids, also)
        return self.newer.count > 0 and self.newer.find(known, at_least, ctx.mask).total > 0

    def _ids(self, ctx: SearchContext) -> tuple[I32, I32]:
        """Return the ids of the query's words and of those searched for beside them."""
        terms = content_terms(ctx.query.terms, self.function_terms)
        ids = self.documents.terms.find_all((*terms, *ctx.query.also))
        return ids[: len(terms)], ids[len(terms) :]

    def _asked(self, terms: I32, also: I32) -> tuple[I32, int]:
        """Return all known ids, and how many a document must hold: a share of the query's own."""
        own = terms[terms >= 0]
        at_least = max(1, int(own.size * self.options.minimum_should_match))
        return np.concatenate([own, also[also >= 0]]) if also.size else own, at_least

    def find(self, terms: I32, also: I32, k: int, mask: RowMask | None) -> Matches:
        """Find the best `k` rows for term ids in the query's order, -1 where unknown.

        Words in `also` earn as the others do, but none of them must be there.
        """
        known, at_least = self._asked(terms, also)
        if min(known.size, terms.size) < 2 or not self.options.phrase_boost:
            return self._best(known, at_least, k, mask)
        most = self.postings.most_matches(self.postings.known(known))
        if self.newer.count:
            most += self.newer.most_matches(known)
        wanted = max(k, PHRASE_WINDOW, most if most <= WHOLE else 0)
        found = self._best(known, at_least, wanted, mask)
        if found.rows.size < found.total <= WHOLE:
            found = self._best(known, at_least, WHOLE, mask)
        return self._lift(found, terms, k)

    def _best(self, known: I32, at_least: int, k: int, mask: RowMask | None) -> Matches:
        """Find the best `k` rows by single words, the snapshot's and newer ones alike."""
        if not self.newer.count:
            return best_rows(self.postings, known, at_least, k, *self._own_part(mask))
        own, terms = self._own_part(mask), self.postings.known(known)
        held = terms if terms.size >= at_least else terms[:0]
        found = best_rows(self.postings, held, at_least, k, *own)
        newer = self.newer.find(known, at_least, mask, floor_of(found.scores, k))
        rows, scores = add_rows(found.rows, found.scores, newer.rows, newer.scores, k)
        return Matches(rows, scores, found.total + newer.total)

    def _own_part(self, mask: RowMask | None) -> tuple[RowMask | None, U64 | None]:
        """Narrow a mask to the snapshot's own rows; what only leaves out the dead is packed."""
        if self.living is not None and mask is self.living.alive:
            return self.living.own, self.living.packed
        return base_part(mask, self.postings.n), None

    def _lift(self, found: Matches, terms: I32, k: int) -> Matches:
        """Add the phrase bonus to the first rows and order them anew; the rest stays below."""
        first = found.rows if found.total <= WHOLE else found.rows[:PHRASE_WINDOW]
        store, options = self.documents.rows, self.options
        bonus = phrase_bonus(store, self.phrases, first, terms, self.postings, options.k1)
        lifted = found.scores[: first.size] + np.float32(options.phrase_boost) * bonus
        rows, scores = top_rows(first, lifted, k)
        if rows.size < k and first.size < found.rows.size:
            rows = np.concatenate([rows, found.rows[first.size :]])[:k]
            scores = np.concatenate([scores, found.scores[first.size :]])[:k]
        return Matches(rows, scores, found.total)


@dataclass(frozen=True, slots=True)
class Living:
    """Which of the snapshot's own rows are alive in a view, packed once for all its searches."""

    alive: RowMask  # of the view: the mask of a search without a filter
    own: RowMask
    packed: U64

    @classmethod
    def of(cls, view: Snapshot, n: int) -> Self | None:
        alive = None if view.overlay is None else view.overlay.alive
        own = base_part(alive, n)
        return None if alive is None or own is None else cls(alive, own, pack(own.allowed))


def _weighted_fields(documents: Documents, options: LexicalOptions) -> list[WeightedField]:
    return [
        WeightedField(documents.tokens[f.name], f.weight, options.field_b.get(f.name, options.b))
        for f in documents.schema.searched
    ]
