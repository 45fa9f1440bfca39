"""What behaviour taught, built from the event log, keyed by document id and mapped to rows here.

documents.*             ids of the documents that the tables speak of; their ordinals are keys
counters/NAME.npy       (ordinals,) float32: impressions, clicks, gain, recent_gain (decayed)
counted/*               impressions and clicks by window and key, see counters.py
neighbours.*            item-to-item: ordinals and scores of each ordinal, best first
queries.*  terms.*      click memory: what people who typed this query (or this term) clicked
aliases.* people.npy    "user:ID" and "client:ID", and the person that each of them is
histories.*             what each person acted on, newest first: ordinals, times, gains
suggest/  trending/     what people typed and what rises, see suggested.py and trending.py
embeddings/             vectors of documents, queries and terms, see embeddings.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.corpus.ragged import Dictionary, Ragged, frozen, open_array, save_array
from app.domain.arrays import F32, I32, Rows
from app.snapshot.counters import Counted, Counters
from app.snapshot.embeddings import Embeddings
from app.snapshot.histories import Histories, Persons
from app.snapshot.suggested import SuggestedQueries
from app.snapshot.trending import Trending

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
            return frozen(np.empty(0, np.int32)), frozen(np.empty(0, np.float32))
        return self.clicked.of(at)

    def save(self, path: Path) -> None:
        self.texts.save(path)
        self.clicked.save(path.with_name(path.name + ".clicked"))

    @classmethod
    def open(cls, path: Path) -> Memory:
        return cls(Dictionary.open(path), Neighbours.open(path.with_name(path.name + ".clicked")))


def memory_key(terms: Sequence[str]) -> str:
    """Return the text under which the click memory keeps a query: its distinct terms in order."""
    return " ".join(dict.fromkeys(terms))


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
    event_seq: int  # the newest event in them
    row_of: I32  # (ordinals,) row in the snapshot, -1 where the document is gone
    ordinal_of: I32  # (n,) ordinal of each row, -1 where nothing is known
    counters: Mapping[str, F32]  # each (n,), by row
    neighbours: Neighbours | None = None
    queries: Memory | None = None
    terms: Memory | None = None
    persons: Persons | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    windows: Counters | None = None  # impressions, clicks and rates; None: nothing was counted
    embeddings: Embeddings | None = None
    learned: Learned | None = None  # what they were translated from; None: nothing
    suggested: SuggestedQueries | None = None  # what people typed; no feature reads it
    trending: Trending | None = None  # what rises; nor this
    whole_seq: int = 0  # every event up to it is in them: between it and event_seq some are not

    def holds(self, seq: int, ts_ms: int) -> bool:
        """Tell whether an event of the log is in the tables: what is not, live state adds."""
        return seq <= self.event_seq and ts_ms < self.as_of_ms

    @classmethod
    def empty(cls, n: int) -> Tables:
        zeros = np.zeros(n, np.float32)
        nobody = np.full(n, -1, np.int32)
        return cls(None, 0, 0, np.empty(0, np.int32), nobody, dict.fromkeys(COUNTERS, zeros))

    @classmethod
    def open(cls, path: Path, manifest: Mapping[str, Any], documents: Documents) -> Tables:
        """Map verified tables and translate them to the rows of `documents`."""
        tables = cls.of(Learned.open(path), manifest, documents)
        suggested, rising = (
            SuggestedQueries.open(path / "suggest"),
            Trending.open(path / "trending"),
        )
        return replace(tables, suggested=suggested, trending=rising)

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
            learned.neighbours, learned.queries, learned.terms,
            Persons.of(learned.histories), facts,
            Counters.of(learned.counted, row_of, documents) if learned.counted else None,
            learned.embeddings, learned,
            whole_seq=facts.get("whole_seq", facts["event_seq"]),
        )  # fmt: skip

    def rows(self, ordinals: I32, values: F32) -> tuple[Rows, F32]:
        """Translate ordinals to rows, dropping documents that are gone."""
        found: tuple[Rows, F32] = translated(self.row_of, ordinals, values)
        return found


@njit(cache=True, nogil=True)
def translated(row_of: I32, ordinals: I32, values: F32) -> tuple[Rows, F32]:
    """Return the rows of ordinals, and the values of those that are still there."""
    rows, kept, size = np.empty(ordinals.size, np.int32), np.empty(ordinals.size, np.float32), 0
    for i in range(ordinals.size):
        rows[size], kept[size] = row_of[ordinals[i]], values[i]
        size += rows[size] >= 0
    return rows[:size], kept[:size]
