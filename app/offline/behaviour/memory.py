"""Click memory: for each query as analysed, and each of its terms, what was clicked after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.corpus.analyzer import Analyzer
from app.corpus.event_columns import Coded, EventColumns, Names
from app.corpus.ragged import Dictionary, Ragged
from app.domain.arrays import F64, I32
from app.offline.behaviour.actions import Actions
from app.offline.behaviour.best import best, summed
from app.snapshot.tables import Memory, memory_key


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """Every query of the log, analysed once for all cuts. Entry i is query code i."""

    key: Coded  # its memory key, -1 where nothing is left of it
    terms: Ragged  # codes into `names`
    names: Names  # ascending

    @classmethod
    def of(cls, events: EventColumns, analyzer: Analyzer, analyzers: Sequence[str]) -> QueryTerms:
        """Analyse the queries as the search itself does: `analyzers` is the schema's."""
        analysed = [analyzer.query_terms(text, analyzers) for text in events.query.names]
        flat = Coded.of([term for terms in analysed for term in terms])
        offsets = np.zeros(len(analysed) + 1, np.int64)
        np.cumsum([len(terms) for terms in analysed], out=offsets[1:])
        keys = Coded.of([memory_key(terms) if terms else None for terms in analysed])
        return cls(keys, Ragged(offsets, flat.codes), flat.names)


def queries_memory(actions: Actions, queries: QueryTerms, keep: int) -> Memory:
    """Remember documents by the whole query."""
    asked = actions.take(actions.query >= 0)
    keys = queries.key.codes[asked.query]
    known = keys >= 0
    return _memory(keys[known], asked.document[known], asked.recent[known], queries.key.names, keep)


def terms_memory(actions: Actions, queries: QueryTerms, keep: int) -> Memory:
    """Remember documents by each term of the query: what a query never seen is guessed from."""
    asked = actions.take(actions.query >= 0)
    lengths = queries.terms.lengths[asked.query]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = np.repeat(queries.terms.offsets[asked.query], lengths) + within
    return _memory(
        queries.terms.values[at],
        np.repeat(asked.document, lengths),
        np.repeat(asked.recent, lengths),
        queries.names,
        keep,
    )


def _memory(texts: I32, documents: I32, gains: F64, names: Names, keep: int) -> Memory:
    used, row = np.unique(texts, return_inverse=True)
    return Memory(
        Dictionary.pack([names[code] for code in used]),
        best(*summed(row, documents, gains), used.size, keep),
    )
