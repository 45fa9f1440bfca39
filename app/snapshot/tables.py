"""What behaviour taught, built from the event log, keyed by document id and mapped to rows here.

documents.*             ids of the documents that the tables speak of; their ordinals are keys
counters/NAME.npy       (ordinals,) float32: impressions, clicks, gain, recent_gain (decayed)
counted/*               impressions and clicks by window and key, see counters.py
neighbours.*            item-to-item: ordinals and scores of each ordinal, best first
queries.*  terms.*      click memory: what people who typed this query (or this term) clicked
aliases.* people.npy    "user:ID" and "client:ID", and the person that each of them is
histories.*             what each person acted on, newest first: ordinals, times, gains
embeddings/             vectors of documents, queries and terms, see embeddings.py
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.corpus.ragged import Dictionary, Ragged, open_array, save_array
from app.domain.arrays import F32, F64, I32, I64, Rows
from app.domain.user import PREFERENCE_FIELDS, Preference, UserState
from app.snapshot.counters import Counted, Counters
from app.snapshot.embeddings import Embeddings

COUNTERS = ("impressions", "clicks", "gain", "recent_gain")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """For each ordinal, others and how close they are, best first."""

    others: Ragged  # int32 ordinals
    scores: F32  # (total,) aligned with others.values

    def of(self, i: int) -> tuple[I32, F32]:
        start, end = self.others.offsets[i], self.others.offsets[i + 1]
        return self.others.values[start:end], self.scores[start:end]

    def save(self, path: Path) -> None:
        self.others.save(path)
        save_array(path.with_name(path.name + ".scores"), self.scores)

    @classmethod
    def open(cls, path: Path) -> Neighbours:
        return cls(Ragged.open(path), open_array(path.with_name(path.name + ".scores")))


@dataclass(frozen=True, slots=True)
class Memory:
    """For each remembered text, the documents clicked and how much: Σ gain with time decay."""

    texts: Dictionary
    clicked: Neighbours

    def find(self, text: str) -> tuple[I32, F32]:
        """Return ordinals and gains, best first; both empty for a text never seen."""
        at = self.texts.find(text)
        if at < 0:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        return self.clicked.of(at)

    def save(self, path: Path) -> None:
        self.texts.save(path)
        self.clicked.save(path.with_name(path.name + ".clicked"))

    @classmethod
    def open(cls, path: Path) -> Memory:
        return cls(Dictionary.open(path), Neighbours.open(path.with_name(path.name + ".clicked")))


@dataclass(frozen=True, slots=True)
class Histories:
    """Who did what. Ids of one person's devices lead to one person."""

    aliases: Dictionary  # see user_alias and client_alias
    people: I32  # (aliases,) person ordinal
    documents: Ragged  # int32 ordinals of each person, newest first, unique
    times_ms: I64  # last action on that document; aligned with documents.values
    gains: F32  # sum over the actions on that document, not decayed

    def save(self, path: Path) -> None:
        self.aliases.save(path / "aliases")
        save_array(path / "people", self.people)
        self.documents.save(path / "histories")
        save_array(path / "histories.times", self.times_ms)
        save_array(path / "histories.gains", self.gains)

    @classmethod
    def open(cls, path: Path) -> Histories:
        return cls(
            Dictionary.open(path / "aliases"),
            open_array(path / "people"),
            Ragged.open(path / "histories"),
            open_array(path / "histories.times"),
            open_array(path / "histories.gains"),
        )


def memory_key(terms: Sequence[str]) -> str:
    """Return the text under which the click memory keeps a query: its distinct terms in order."""
    return " ".join(dict.fromkeys(terms))


def user_alias(user_id: str) -> str:
    """A user and a device of the same id are two: each has its own prefix among the aliases."""
    return f"user:{user_id}"


def client_alias(client_id: str) -> str:
    return f"client:{client_id}"


@dataclass(frozen=True, slots=True)
class Learned:
    """The tables as they are built and stored, in ordinals of their own documents."""

    documents: Dictionary
    counters: Mapping[str, F32]  # each (ordinals,), one of COUNTERS
    neighbours: Neighbours
    queries: Memory
    terms: Memory
    histories: Histories
    counted: Counted | None = None  # None: built before there were any
    embeddings: Embeddings | None = None  # of the memories' texts, in their order

    def save(self, path: Path) -> None:
        """Write the files named on top of this module into a directory that exists."""
        self.documents.save(path / "documents")
        (path / "counters").mkdir()
        for name in COUNTERS:
            save_array(path / "counters" / name, self.counters[name])
        self.neighbours.save(path / "neighbours")
        self.queries.save(path / "queries")
        self.terms.save(path / "terms")
        self.histories.save(path)
        if self.counted is not None:
            self.counted.save(path / "counted")
        if self.embeddings is not None:
            self.embeddings.save(path)

    @classmethod
    def open(cls, path: Path) -> Learned:
        return cls(
            Dictionary.open(path / "documents"),
            {name: open_array(path / "counters" / name) for name in COUNTERS},
            Neighbours.open(path / "neighbours"),
            Memory.open(path / "queries"),
            Memory.open(path / "terms"),
            Histories.open(path),
            Counted.open(path / "counted"),
            Embeddings.open(path),
        )


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables as seen from one snapshot: ordinals are translated to rows and back here."""

    id: str | None  # None: nothing was learned yet
    as_of_ms: int  # decay is relative to this moment
    event_seq: int  # the event log up to which they were built
    row_of: I32  # (ordinals,) row in the snapshot, -1 where the document is gone
    ordinal_of: I32  # (n,) ordinal of each row, -1 where nothing is known
    counters: Mapping[str, F32]  # each (n,), by row
    neighbours: Neighbours | None = None
    queries: Memory | None = None
    terms: Memory | None = None
    histories: Histories | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    windows: Counters | None = None  # impressions, clicks and rates; None: nothing was counted
    embeddings: Embeddings | None = None

    @classmethod
    def empty(cls, n: int) -> Tables:
        zeros = np.zeros(n, np.float32)
        nobody = np.full(n, -1, np.int32)
        return cls(None, 0, 0, np.empty(0, np.int32), nobody, dict.fromkeys(COUNTERS, zeros))

    @classmethod
    def open(cls, path: Path, manifest: Mapping[str, Any], documents: Documents) -> Tables:
        """Map verified tables and translate them to the rows of `documents`."""
        return cls.of(Learned.open(path), manifest, documents)

    @classmethod
    def of(cls, learned: Learned, facts: Mapping[str, Any], documents: Documents) -> Tables:
        """Translate to the rows of `documents`. `facts` holds id, as_of_ms and event_seq."""
        row_of = documents.ids.join(learned.documents)
        ordinal_of = np.full(len(documents), -1, np.int32)
        alive = np.flatnonzero(row_of >= 0)
        ordinal_of[row_of[alive]] = alive
        counters = {}
        for name in COUNTERS:
            by_row = np.zeros(len(documents), np.float32)
            by_row[row_of[alive]] = learned.counters[name][alive]
            counters[name] = by_row
        return cls(
            facts["id"], facts["as_of_ms"], facts["event_seq"], row_of, ordinal_of, counters,
            learned.neighbours, learned.queries, learned.terms, learned.histories, facts,
            Counters.of(learned.counted, row_of, documents) if learned.counted else None,
            learned.embeddings,
        )  # fmt: skip

    def rows(self, ordinals: I32, values: F32) -> tuple[Rows, F32]:
        """Translate ordinals to rows, dropping documents that are gone."""
        rows = self.row_of[ordinals]
        here = rows >= 0
        return rows[here], values[here]

    def user_state(
        self, user_id: str | None, client_id: str | None, documents: Documents, before_ms: int
    ) -> UserState:
        """Read a person's past before `before_ms`, by user id or else by device."""
        name = user_id or client_id
        person = self._person(user_id, client_id)
        if self.histories is None or person < 0:
            return UserState.stranger(name)
        h = self.histories
        start, end = h.documents.offsets[person], h.documents.offsets[person + 1]
        times, rows = h.times_ms[start:end], self.row_of[h.documents.values[start:end]]
        keep = (rows >= 0) & (times < before_ms)
        rows, gains = rows[keep], h.gains[start:end][keep]
        preferences = {
            name: preference(documents, name, rows, gains)
            for name in PREFERENCE_FIELDS
            if name in documents.keywords
        }
        return UserState(name, rows, times[keep], gains, preferences, _log_price(documents, rows))

    def _person(self, user_id: str | None, client_id: str | None) -> int:
        if self.histories is None:
            return -1
        user = self.histories.aliases.find(user_alias(user_id)) if user_id else -1
        client = self.histories.aliases.find(client_alias(client_id)) if client_id else -1
        known = user if user >= 0 else client
        return int(self.histories.people[known]) if known >= 0 else -1


def preference(documents: Documents, field: str, rows: Rows, gains: F32) -> Preference:
    """Share of the gains that went to each value of a keyword field."""
    codes = documents.keywords[field].codes
    return Preference(*_shares(codes.offsets, codes.values, rows, gains))


@njit(cache=True, nogil=True)
def _shares(offsets: I64, codes: I32, rows: Rows, gains: F32) -> tuple[I32, F32]:
    """Return the codes of the rows, ascending, and each one's share; a row's gain is split."""
    size = 0
    for row in rows:
        size += offsets[row + 1] - offsets[row]
    keys, parts, at = np.empty(size, np.int32), np.empty(size, np.float32), 0
    for i in range(rows.size):
        start, end = offsets[rows[i]], offsets[rows[i] + 1]
        for place in range(start, end):
            keys[at], parts[at] = codes[place], gains[i] / np.float32(end - start)
            at += 1
    order, count, total = np.argsort(keys, kind="mergesort"), 0, 0.0
    values, weights = np.empty(size, np.int32), np.zeros(size, np.float64)
    for i in order:
        if count == 0 or values[count - 1] != keys[i]:
            values[count] = keys[i]
            count += 1
        weights[count - 1] += parts[i]
        total += parts[i]
    if total > 0.0:
        weights /= total
    return values[:count].copy(), weights[:count].astype(np.float32)


def _log_price(documents: Documents, rows: Rows) -> F64:
    """Mean and deviation of log(1 + price) over what was acted on; NaN when unknown. (2,)"""
    if "price" not in documents.numbers:
        return np.full(2, np.nan)
    return np.asarray(_mean_and_deviation(documents.numbers["price"], rows), np.float64)


@njit(cache=True, nogil=True)
def _mean_and_deviation(prices: F64, rows: Rows) -> F64:
    logs, count = np.empty(rows.size, np.float64), 0
    for row in rows:
        if math.isfinite(prices[row]) and prices[row] >= 0.0:
            logs[count] = math.log1p(prices[row])
            count += 1
    if count == 0:
        return np.full(2, np.nan)
    return np.array([logs[:count].mean(), logs[:count].std()])
