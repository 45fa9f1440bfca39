"""Query and person as vectors that behaviour taught, to be held against documents' targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.domain.arrays import F32, I32
from app.domain.user import UserState
from app.snapshot.embeddings import mean_direction
from app.snapshot.tables import Tables, memory_key

LATELY = 10
"""So many of the latest documents make a taste: more measured worse (docs/embeddings.md)."""


def query_tower(tables: Tables, terms: Sequence[str]) -> F32 | None:
    """Return the query's own vector, else the mean of its terms', or None. (dim,) unit length"""
    known, queries, words = tables.embeddings, tables.queries, tables.terms
    if known is None or queries is None or words is None or not terms:
        return None
    whole = queries.texts.find(memory_key(terms))
    own = _mean(known.queries, np.array([whole], np.int32))
    return _mean(known.terms, words.texts.find_all(terms)) if own is None else own


def taste_tower(tables: Tables, user: UserState) -> F32 | None:
    """Return where a person goes from the latest documents, or None: Σ gain ÷ √position. (dim,)"""
    if tables.embeddings is None or not user.is_known:
        return None
    ordinals = tables.ordinal_of[user.rows[:LATELY]]
    weights = user.weights[:LATELY] / np.sqrt(np.arange(1, ordinals.size + 1))
    return _mean(tables.embeddings.sources, ordinals, weights.astype(np.float32))


def _mean(vectors: F32, places: I32, weights: F32 | None = None) -> F32 | None:
    evenly = np.ones(places.size, np.float32) if weights is None else weights
    mean: F32 = mean_direction(vectors, places, evenly)
    return mean if mean.size else None
