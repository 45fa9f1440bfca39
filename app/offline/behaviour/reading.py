"""What the embedding reads: actions in sittings, each with the query and terms that led to it.

A sitting is a person's history, or the search of nobody that we know. Order is by time, and at one
time by document and query: how events arrived changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.corpus.ragged import Ragged
from app.domain.arrays import I32, I64, Array, Bools
from app.offline.behaviour.actions import Actions, owner_of
from app.offline.behaviour.memory import QueryTerms
from app.offline.behaviour.sgns import Reading


@dataclass(frozen=True, slots=True)
class Texts:
    """The queries and terms that the click memories hold, as codes of QueryTerms, in their order.

    The embedding's inputs are n documents, then these queries, then these terms.
    """

    queries: I32
    terms: I32

    @property
    def count(self) -> int:
        return int(self.queries.size + self.terms.size)

    @classmethod
    def of(cls, actions: Actions, queries: QueryTerms) -> Texts:
        asked = np.unique(actions.query[actions.query >= 0])
        keys = queries.key.codes[asked]
        return cls(np.unique(keys[keys >= 0]), np.unique(_entries(queries.terms, asked)))


def read(actions: Actions, queries: QueryTerms, texts: Texts, n: int, most: int) -> Reading:
    """Put the newest `most` actions in sittings; the same again in one sitting is left out."""
    owner = _sittings(actions)
    newest = np.lexsort((actions.query, actions.document, owner, actions.ts_ms))[-most:]
    owner, document, query = owner[newest], actions.document[newest], actions.query[newest]
    order = np.argsort(owner, kind="stable")  # within a sitting the order of time stays
    order = order[_is_first(np.stack([owner, document, query])[:, order])]
    owner, query = owner[order], query[order]
    leads = _leads(query, queries, texts, n)
    return Reading(
        document[order].astype(np.int32),
        np.searchsorted(owner, owner, "left"),
        np.searchsorted(owner, owner, "right"),
        leads.values,
        leads.offsets,
    )


def has_company(reading: Reading) -> Bools:
    """Tell of each action whether its sitting has another document beside it. (a,)"""
    pairs = np.stack([reading.starts, reading.documents.astype(np.int64)])
    documents = np.bincount(reading.starts[_is_first(pairs)], minlength=reading.starts.size)
    return np.asarray(documents[reading.starts] > 1, np.bool_)


def _sittings(actions: Actions) -> I64:
    """Number who acted; those of whom nothing is known sit alone."""
    owner = owner_of(actions)
    unknown = np.flatnonzero(owner < 0)
    owner[unknown] = owner.max(initial=-1) + 1 + np.arange(unknown.size)
    return owner


def _is_first(columns: Array) -> Bools:
    """Tell which entries have no equal before them. (k, a) → (a,)"""
    _, first = np.unique(columns, axis=1, return_index=True)
    out = np.zeros(columns.shape[1], np.bool_)
    out[first] = True
    return out


def _leads(query: I32, queries: QueryTerms, texts: Texts, n: int) -> Ragged:
    """Return the inputs of each action's query: itself, then its terms."""
    asked = np.flatnonzero(query >= 0)
    asked = asked[queries.key.codes[query[asked]] >= 0]
    lengths = np.zeros(query.size, np.int64)
    lengths[asked] = 1 + queries.terms.lengths[query[asked]]
    offsets = np.zeros(query.size + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    values = np.empty(offsets[-1], np.int32)
    is_term = np.ones(values.size, np.bool_)
    is_term[offsets[asked]] = False
    wholes, words = queries.key.codes[query[asked]], _entries(queries.terms, query[asked])
    values[~is_term] = n + np.searchsorted(texts.queries, wholes)
    values[is_term] = n + texts.queries.size + np.searchsorted(texts.terms, words)
    return Ragged(offsets, values)


def _entries(lists: Ragged, chosen: I32) -> I32:
    """Return the values of the chosen entries, one after another."""
    lengths = lists.lengths[chosen]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.asarray(lists.values[np.repeat(lists.offsets[chosen], lengths) + within], np.int32)
