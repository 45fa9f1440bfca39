"""Shown documents as rows of hashed fields: what a click model is trained on.

What a list has in common (the request) is kept once a list, what a document is once a document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.corpus.ragged import Ragged
from app.domain.arrays import F32, I32, I64, Array, Bools
from app.domain.errors import InvalidInput
from app.domain.events import Session
from app.domain.query import MAX_QUERY_CHARACTERS, Query
from app.query.understand import place
from app.rank.factorization import POSITIONS, Shape
from app.rank.hashed_fields import hash_documents, hash_request
from app.snapshot.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ClickRows:
    """s lists with n shown documents in all, in order of time."""

    session: I64  # (s,) place of each among the sessions given
    ts_ms: I64  # (s,)
    asked: Ragged  # int32 hashes of each list's request
    fields: I32  # aligned with asked.values: place of the field among the request fields
    weights: F32  # aligned with asked.values
    shown: Ragged  # int32 rows of the snapshot, a list each
    positions: I32  # aligned with shown.values; 0 unknown
    clicked: Bools  # aligned with shown.values

    def __len__(self) -> int:
        return int(self.ts_ms.size)

    def take(self, lists: I64) -> ClickRows:
        """Keep some lists, in the order given."""
        asked, shown = _places(self.asked, lists), _places(self.shown, lists)
        return ClickRows(
            self.session[lists],
            self.ts_ms[lists],
            _select(self.asked, lists, asked),
            self.fields[asked],
            self.weights[asked],
            _select(self.shown, lists, shown),
            self.positions[shown],
            self.clicked[shown],
        )

    def span(self, first: int, last: int) -> ClickRows:
        return self.take(np.arange(first, last))

    @classmethod
    def join(cls, one: ClickRows, two: ClickRows) -> ClickRows:
        """One after the other."""
        return cls(
            np.concatenate([one.session, two.session]),
            np.concatenate([one.ts_ms, two.ts_ms]),
            _chain(one.asked, two.asked),
            np.concatenate([one.fields, two.fields]),
            np.concatenate([one.weights, two.weights]),
            _chain(one.shown, two.shown),
            np.concatenate([one.positions, two.positions]),
            np.concatenate([one.clicked, two.clicked]),
        )

    def refuse_if_one_sided(self) -> None:
        """Raise InvalidInput where there is nothing to tell apart."""
        clicks, shown = int(self.clicked.sum()), self.clicked.size
        if not shown:
            raise InvalidInput("no shown document to learn clicks from; import sessions first")
        if clicks in (0, shown):
            what = "none" if not clicks else "every one"
            raise InvalidInput(
                f"of {shown:,} shown documents {what} was clicked, so there is nothing to tell "
                "apart; import sessions whose `shown` and `clicked` are as they were"
            )


def rows_of(sessions: Sequence[Session], snapshot: Snapshot, shape: Shape) -> ClickRows:
    """Hash the sessions, in the order given. Documents that the snapshot lacks are
    left out, and lists of which none is left.

    Clicked means clicked, carted or bought. A list whose order is not the displayed one has
    position 0 throughout.
    """
    schema, ids = snapshot.documents.schema, snapshot.documents.ids
    terms = {
        query: snapshot.analyzer.query_terms(query[:MAX_QUERY_CHARACTERS], schema.analyzers)
        for query in {s.query: None for s in sessions}
    }
    hashed = [hash_request(_query(s, terms[s.query]), shape.request, shape.bits) for s in sessions]
    flat = ids.find_all([d for s in sessions for d in s.shown])
    starts = _offsets([len(s.shown) for s in sessions])
    position = [_positions(s) for s in sessions]
    clicked = [_acted(s) for s in sessions]
    here = flat >= 0
    every = ClickRows(
        np.arange(len(sessions)),
        np.array([s.ts_ms for s in sessions], np.int64),
        Ragged(
            _offsets([h.hashes.size for h in hashed]), _flat([h.hashes for h in hashed], np.int32)
        ),
        _flat([h.fields for h in hashed], np.int32),
        _flat([h.values for h in hashed], np.float32),
        Ragged(np.concatenate([[0], np.cumsum(here)])[starts], flat[here]),
        _flat(position, np.int32)[here],
        _flat(clicked, np.bool_)[here],
    )
    return every.take(np.flatnonzero(every.shown.lengths))


def query_of(session: Session, snapshot: Snapshot) -> Query:
    """Return what a click model reads of the request: terms, person, place and time."""
    analyzers = snapshot.documents.schema.analyzers
    return _query(
        session, snapshot.analyzer.query_terms(session.query[:MAX_QUERY_CHARACTERS], analyzers)
    )


def hash_catalogue(snapshot: Snapshot, shape: Shape) -> I32:
    """Hash every document's fields, −1 where it has none. (documents, document fields)"""
    out = np.empty((len(snapshot), len(shape.document)), np.int32)
    for j, field in enumerate(shape.document):
        out[:, j] = hash_documents(snapshot.documents, field, shape.bits)
    return out


def _query(session: Session, terms: tuple[str, ...]) -> Query:
    return Query(
        "",
        terms,
        session.ts_ms,
        user_id=session.user_id,
        client_id=session.client_id,
        origin=place(session.lat, session.lon),
    )


def _positions(session: Session) -> I32:
    if not session.positions_known:
        return np.zeros(len(session.shown), np.int32)
    first = session.offset + 1
    return np.minimum(np.arange(first, first + len(session.shown)), POSITIONS).astype(np.int32)


def _acted(session: Session) -> Bools:
    acted = {*session.clicked, *session.carted, *session.purchased}
    return np.array([d in acted for d in session.shown], np.bool_)


def _flat(parts: Sequence[Array], dtype: type[np.generic]) -> Array:
    return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype)


def _offsets(lengths: Sequence[int]) -> I64:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _places(ragged: Ragged, lists: I64) -> I64:
    """Where the values of these lists stand, one list after another."""
    starts, lengths = ragged.offsets[lists], ragged.lengths[lists]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.asarray(np.repeat(starts, lengths) + within, np.int64)


def _select(ragged: Ragged, lists: I64, places: I64) -> Ragged:
    offsets = np.concatenate([[0], np.cumsum(ragged.lengths[lists])]).astype(np.int64)
    return Ragged(offsets, ragged.values[places])


def _chain(one: Ragged, two: Ragged) -> Ragged:
    return Ragged(
        np.concatenate([one.offsets, one.offsets[-1] + two.offsets[1:]]),
        np.concatenate([one.values, two.values]),
    )
