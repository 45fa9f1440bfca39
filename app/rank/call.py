"""A rank call: what the gateway knows of a request and its candidates, on the wire and checked.

Rows are ordinals of the named snapshot, so a call means something only to a ranker that holds it.
Everything is checked before any native code sees it: kernels index by rows and codes, unguarded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from app.corpus.documents import Documents
from app.domain.arrays import F32, I64, Array
from app.domain.candidates import CandidateSet
from app.domain.errors import InvalidQuery
from app.domain.query import Deadline, GeoPoint, Query
from app.domain.reading import NOTHING_READ
from app.domain.user import UserState
from app.rank.explanation import MAX_EXPLAINED
from app.rank.parts import check_form, form_of_kind, numbers_of
from app.rank.ranker import Keep
from app.rank.read_query import check_reading, reading_of, reading_said
from app.rank.said import (
    FORM,
    HEADER,
    NO_QUERY,
    NOBODY,
    REST,
    STANDING,
    Passing,
    QuerySaid,
    Standing,
)
from app.rank.sound import greatest
from app.rank.typed import read, typed
from app.rank.wire import CALL, Arrays, Described, described, form_text, frame, opened
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

ALWAYS = (
    "rows", "fused", "scores", "ranks",
    "user.rows", "user.times_ms", "user.weights", "user.log_price",
    "preferences.codes", "preferences.weights",
)  # fmt: skip
"""Arrays of every call that a gateway makes, in this order."""

NO_CODES, NO_WEIGHTS = np.empty(0, np.int32), np.empty(0, np.float32)
REMEMBERED = 64  # forms: gateways send a handful, until versions change


@dataclass(frozen=True, slots=True)
class RankCall:
    """A call whose every part has the right form. `place` checks it against a snapshot."""

    request_id: str
    snapshot_id: str
    log_seq: int
    tables_id: str | None
    release_id: str | None  # None: the one that the ranker serves
    timeout_ms: float
    query: Query
    user: UserState
    candidates: CandidateSet
    features: int = 0  # return the features of so many best
    drawn: int = 0  # of so many that are drawn, as Keep says
    rows: tuple[int, ...] = ()  # and of these candidates
    explain: bool = False  # say beside the features what each of them adds
    against: int | None = None  # and to the difference from this candidate's score
    is_read: bool = False  # the query came with what was read in it


def encode_call(
    ctx: SearchContext,
    candidates: CandidateSet,
    timeout_ms: float,
    keep: Keep | None = None,
    why: Mapping[str, Any] | None = None,
) -> bytes:
    """Put a request's frame and its candidates on the wire. Not the filters: candidates passed.

    `why`: what `asking_why` says, where features shall come with what they add.
    """
    query, user, tastes = ctx.query, ctx.user, ctx.user.preferences
    origin = None if query.origin is None else {"lat": query.origin.lat, "lon": query.origin.lon}
    header = {
        "request_id": ctx.request_id,
        "now_ms": query.now_ms,
        "timeout_ms": timeout_ms,
        "query": {
            "text": query.text, "terms": query.terms, "limit": query.limit,
            "offset": query.offset, "user_id": query.user_id, "client_id": query.client_id,
            "origin": origin, "reading": reading_said(query.reading),
        },
        "user": {"id": user.user_id, "preferences": {f: t.codes.size for f, t in tastes.items()}},
        **(why or _wanted(ctx, keep)),
    }  # fmt: skip
    arrays: list[Array] = [
        candidates.rows, candidates.fused, candidates.scores, candidates.ranks,
        user.rows, user.times_ms, user.weights, user.log_price,
        np.concatenate([NO_CODES, *(taste.codes for taste in tastes.values())]),
        np.concatenate([NO_WEIGHTS, *(taste.weights for taste in tastes.values())]),
    ]  # fmt: skip
    if query.vector is not None:
        arrays.append(query.vector)
    form = _written_form(
        ctx.snapshot.id, ctx.snapshot.log_seq, ctx.tables.id, ctx.release_id, candidates.channels,
        query.vector is not None,
    )  # fmt: skip
    return frame(CALL, form, header, arrays)


@lru_cache(REMEMBERED)
def _written_form(
    snapshot_id: str, log_seq: int, tables_id: str | None, release_id: str | None,
    channels: tuple[str, ...], has_vector: bool,
) -> bytes:  # fmt: skip
    """Write the form of a call with arrays of the kinds that parts.py knows."""
    versions = (snapshot_id, log_seq, tables_id, release_id, channels)
    names = (*ALWAYS, "query.vector") if has_vector else ALWAYS
    said = dict(zip(STANDING, versions, strict=True))
    return form_text(said, [Described(name, *form_of_kind(name)) for name in names])


def asking_why(candidates: CandidateSet, places: I64, against: int | None) -> dict[str, Any]:
    """Ask what each feature adds to the candidates at these places."""
    other = None if against is None else int(candidates.rows[against])
    return {"rows": candidates.rows[places].tolist(), "explain": True, "against": other}


def _wanted(ctx: SearchContext, keep: Keep | None) -> dict[str, Any]:
    if keep is None or not keep.chooses(ctx.request_id):
        return {}
    return {"features": keep.best, "drawn": keep.drawn}


def decode_call(body: bytes) -> RankCall:
    """Read a binary call. Raises InvalidQuery naming the field that is wrong."""
    standing, passing, arrays = opened(body, CALL, _read_form, partial(read, REST, whole="header"))
    return _call(standing, passing, arrays)


def call_of(header: dict[str, Any], arrays: Mapping[str, Array]) -> RankCall:
    """Put a call together. Arrays that were left out are empty; only rows must be there."""
    if unknown := header.keys() - set(HEADER):
        name, limit = min(unknown), f"known here: {', '.join(HEADER)}"
        raise InvalidQuery(name[:80], header[name], limit, "leave it out")
    for name, array in arrays.items():
        check_form(name, array.dtype, array.ndim)
    said = {name: value for name, value in header.items() if name in STANDING}
    rest = {name: value for name, value in header.items() if name not in STANDING}
    return _call(_checked(typed(said, Standing, "header")), typed(rest, Passing, "header"), arrays)


@lru_cache(REMEMBERED)
def _read_form(text: bytes) -> tuple[Standing, Arrays]:
    standing = _checked(read(FORM, text, "form"))
    arrays = described(standing.arrays)
    for array in arrays:
        check_form(*array)
    return standing, arrays


def _checked(standing: Standing) -> Standing:
    _refuse_twice("channels", standing.channels)
    return standing


def _refuse_twice(name: str, texts: tuple[str, ...]) -> None:
    if len(set(texts)) < len(texts):
        raise InvalidQuery(name, texts, "different texts", "say each once")


def _call(standing: Standing, said: Passing, arrays: Mapping[str, Array]) -> RankCall:
    query, user = said.query or NO_QUERY, said.user or NOBODY
    counts = user.preferences or {}
    numbers = numbers_of(arrays, len(standing.channels), tuple(counts.values()))
    if said.explain:
        _refuse_long_explanations(said)
    return RankCall(
        said.request_id,
        standing.snapshot_id,
        standing.log_seq,
        standing.tables_id,
        standing.release_id,
        said.timeout_ms,
        _query(query, said.now_ms, numbers.vector),
        numbers.user(user.id, counts),
        numbers.candidates(standing.channels),
        said.features,
        said.drawn,
        said.rows,
        said.explain,
        said.against,
        query.reading is not None,
    )


def _refuse_long_explanations(said: Passing) -> None:
    """Each of the rows that are explained takes its time."""
    wanted = said.features + said.drawn + len(said.rows)
    if wanted > MAX_EXPLAINED:
        limit = f"{wanted} rows, at most {MAX_EXPLAINED} with explain"
        raise InvalidQuery("features", wanted, limit, "ask for fewer features and rows")


def _query(said: QuerySaid, now_ms: int, vector: F32 | None) -> Query:
    _refuse_twice("query.terms", said.terms)
    return Query(
        said.text, said.terms, now_ms, said.limit, said.offset, said.user_id, said.client_id,
        None if said.origin is None else GeoPoint(said.origin.lat, said.origin.lon),
        vector,
        reading=NOTHING_READ if said.reading is None else reading_of(said.reading),
    )  # fmt: skip


def place(
    call: RankCall, snapshot: Snapshot, tables: Tables, deadline: Deadline, release_id: str
) -> SearchContext:
    """Check rows, codes, vector and reading against the snapshot; return the request's frame."""
    n, documents = len(snapshot), snapshot.documents
    for name, rows in (("rows", call.candidates.rows), ("user.rows", call.user.rows)):
        if (highest := greatest(rows)) >= n:
            raise InvalidQuery(name, highest, f"snapshot has {n} rows", "send its rows")
    vector, vectors = call.query.vector, documents.vectors
    if vector is not None and (vectors is None or vector.size != vectors.shape[1]):
        dim = 0 if vectors is None else vectors.shape[1]
        raise InvalidQuery("query.vector", vector.size, f"{dim} numbers", "encode it again")
    _check_preferences(call.user, documents)
    query = call.query
    if call.is_read:
        check_reading(query.reading, documents)
    else:
        query = replace(query, reading=snapshot.reader.read(query.text))
    return SearchContext(
        call.request_id, query, call.user, snapshot, tables, deadline, None, release_id
    )


def _check_preferences(user: UserState, documents: Documents) -> None:
    for field, taste in user.preferences.items():
        name = f"user.preferences.{field}"[:80]
        if field not in documents.keywords:
            limit = "not a keyword field of the snapshot"
            raise InvalidQuery(name, field, limit, "leave it out")
        known = len(documents.keywords[field].names)
        if taste.codes.size and taste.codes[-1] >= known:  # they rise
            limit = f"the snapshot has {known} values of it"
            raise InvalidQuery(name, int(taste.codes[-1]), limit, "send its codes")
