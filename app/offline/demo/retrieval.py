"""Inverted lists over the columns: which documents have this kind, this coined word, this item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.arrays import I32, I64, Array
from app.offline.demo.catalogue import Documents


@dataclass(frozen=True, slots=True)
class Lists:
    """Rows by value, the most popular first."""

    starts: I64  # (values + 1,)
    rows: I32

    @classmethod
    def over(cls, values: Array, rows: I32, count: int) -> Lists:
        """Invert `values` (m,) of `rows` (m,), which come in the order that the lists keep."""
        order = np.argsort(values, kind="stable")
        starts = np.searchsorted(values[order], np.arange(count + 1))
        return cls(starts, rows[order])

    def of(self, value: int) -> I32:
        return self.rows[self.starts[value] : self.starts[value + 1]]


@dataclass(frozen=True, slots=True)
class Index:
    """What the generator looks documents up by."""

    popular: I32  # (n,) all rows, the most popular first
    kinds: Lists
    words: Lists
    items: Lists

    @classmethod
    def build(cls, documents: Documents, kinds: int, words: int, items: int) -> Index:
        popular = np.argsort(-documents.popularity, kind="stable").astype(np.int32)
        held = documents.items[popular]
        has = held >= 0
        repeated = np.broadcast_to(popular[:, None], held.shape)
        return cls(
            popular=popular,
            kinds=Lists.over(documents.kind[popular], popular, kinds),
            words=Lists.over(documents.word[popular], popular, words),
            items=Lists.over(held[has], repeated[has], items),
        )

    def answers(self, word: int, item: int, kind: int, is_browsing: bool) -> I32:
        """Return the rows that can answer a need, by the rarest thing that it names."""
        if is_browsing:
            return self.popular
        if word >= 0:
            return self.words.of(word)
        return self.items.of(item) if item >= 0 else self.kinds.of(kind)

    def popular_of_kind(self, rng: np.random.Generator, kind: I64) -> I64:
        """Draw a row of each kind (n,), nearer the top of its popularity more often."""
        first, after = self.kinds.starts[kind], self.kinds.starts[kind + 1]
        place = first + (rng.random(len(kind)) ** 3 * (after - first)).astype(np.int64)
        # A tiny catalogue may lack a kind; then the list's neighbour stands in.
        return self.kinds.rows[np.minimum(place, len(self.kinds.rows) - 1)].astype(np.int64)
