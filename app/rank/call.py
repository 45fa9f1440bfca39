"""A rank call: what the gateway knows of a request and its candidates, on the wire and checked.

Rows are ordinals of the named snapshot, so a call means something only to a ranker that holds it.
Everything is checked before any native code sees it: kernels index by rows and codes, unguarded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from app.corpus.documents import Documents
from app.domain.arrays import I64, Array
from app.domain.candidates import CandidateSet
from app.domain.errors import InvalidQuery
from app.domain.query import MAX_QUERY_TERMS, Deadline, GeoPoint, Query
from app.domain.reading import NOTHING_READ, Reading
from app.domain.user import UserState
from app.rank.explanation import MAX_EXPLAINED
from app.rank.fields import MAX_SAFE, Fields
from app.rank.parts import check_form, form_of_kind, numbers_of
from app.rank.ranker import Keep
from app.rank.read_query import check_reading, reading_of, reading_said
from app.rank.wire import CALL, Arrays, Described, form_of, form_text, frame, opened
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

MAX_CHANNELS = 32
MAX_ID = 256
MAX_TEXT = 10_000  # a query of 512 characters can grow when it is normalised
MAX_TIMEOUT_MS = 60_000.0
MAX_FEATURE_ROWS = 1_000

STANDING = ("snapshot_id", "log_seq", "tables_id", "release_id", "channels")
PASSING = (
    "request_id", "now_ms", "timeout_ms", "query", "user", "features", "drawn", "rows", "explain",
    "against",
)  # fmt: skip
HEADER = STANDING + PASSING
QUERY = ("text", "terms", "limit", "offset", "user_id", "client_id", "origin", "reading")
USER = ("id", "preferences")


ALWAYS = (
    "rows", "fused", "scores", "ranks",
    "user.rows", "user.times_ms", "user.weights", "user.log_price",
)  # fmt: skip
"""Arrays of every call that a gateway makes, in this order."""

REMEMBERED = 64  # forms: gateways send a handful, until versions change


@dataclass(frozen=True, slots=True)
class Standing:
    """What calls say again and again, checked once."""

    snapshot_id: str
    log_seq: int
    tables_id: str | None
    release_id: str | None  # None: the one that the ranker serves
    channels: tuple[str, ...]


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
    ]  # fmt: skip
    if tastes:
        arrays.append(np.concatenate([taste.codes for taste in tastes.values()]))
        arrays.append(np.concatenate([taste.weights for taste in tastes.values()]))
    if query.vector is not None:
        arrays.append(query.vector)
    form = _written_form(
        ctx.snapshot.id, ctx.snapshot.log_seq, ctx.tables.id, ctx.release_id, candidates.channels,
        bool(tastes), query.vector is not None,
    )  # fmt: skip
    return frame(CALL, form, header, arrays)


@lru_cache(REMEMBERED)
def _written_form(
    snapshot_id: str, log_seq: int, tables_id: str | None, release_id: str | None,
    channels: tuple[str, ...], has_tastes: bool, has_vector: bool,
) -> bytes:  # fmt: skip
    """Write the form of a call with arrays of the kinds that parts.py knows."""
    versions = (snapshot_id, log_seq, tables_id, release_id, channels)
    tastes, vector = ("preferences.codes", "preferences.weights"), ("query.vector",)
    names = (*ALWAYS, *(tastes if has_tastes else ()), *(vector if has_vector else ()))
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
    standing, header, arrays = opened(body, CALL, _read_form)
    return _call(standing, Fields(header).only(PASSING), arrays)


def call_of(header: dict[str, Any], arrays: Mapping[str, Array]) -> RankCall:
    """Put a call together. Arrays that were left out are empty; only rows must be there."""
    described = tuple(Described(name, a.dtype, a.ndim) for name, a in arrays.items())
    fields = Fields(header).only(HEADER)
    return _call(_standing(fields, described), fields, arrays)


@lru_cache(REMEMBERED)
def _read_form(text: bytes) -> tuple[Standing, Arrays]:
    said, described = form_of(text)
    return _standing(Fields(said).only(STANDING), described), described


def _standing(fields: Fields, described: Arrays) -> Standing:
    for array in described:
        check_form(*array)
    return Standing(
        fields.text("snapshot_id", MAX_ID),
        fields.whole("log_seq"),
        fields.text_or_none("tables_id", MAX_ID),
        fields.text_or_none("release_id", MAX_ID),
        fields.texts("channels", MAX_CHANNELS, MAX_ID),
    )


def _call(standing: Standing, fields: Fields, arrays: Mapping[str, Array]) -> RankCall:
    query = fields.child("query").only(QUERY)
    reading = reading_of(query)
    user = fields.child("user").only(USER)
    counts = _counts(user)
    numbers = numbers_of(arrays, len(standing.channels), tuple(counts.values()))
    return RankCall(
        fields.text("request_id", MAX_ID),
        standing.snapshot_id,
        standing.log_seq,
        standing.tables_id,
        standing.release_id,
        fields.number("timeout_ms", 0, MAX_TIMEOUT_MS, MAX_TIMEOUT_MS),
        _query(query, fields.whole("now_ms"), numbers.vector, reading),
        numbers.user(user.text_or_none("id", MAX_ID), counts),
        numbers.candidates(standing.channels),
        fields.whole("features", 0, MAX_FEATURE_ROWS),
        fields.whole("drawn", 0, MAX_FEATURE_ROWS),
        fields.wholes("rows", MAX_FEATURE_ROWS),
        *_why(fields),
        is_read=reading is not None,
    )


def _counts(user: Fields) -> dict[str, int]:
    """Read in which keyword fields a person has preferences: field → how many."""
    counts = user.child("preferences").values
    wrong = [n for n in counts.values() if type(n) is not int or not 0 <= n <= MAX_SAFE]
    if wrong or len(counts) > MAX_CHANNELS:
        limit = f"whole numbers for at most {MAX_CHANNELS} fields"
        raise user.wrong("preferences", limit)
    return counts


def _why(fields: Fields) -> tuple[bool, int | None]:
    """Read what shall be explained: each of those rows takes its time."""
    explain = fields.values.get("explain", False)
    if type(explain) is not bool:
        raise fields.wrong("explain", "true or false")
    if explain:
        wanted = fields.whole("features", 0) + fields.whole("drawn", 0)
        wanted += len(fields.wholes("rows", MAX_FEATURE_ROWS))
        if wanted > MAX_EXPLAINED:
            limit = f"{wanted} rows, at most {MAX_EXPLAINED} with explain"
            raise InvalidQuery("features", wanted, limit, "ask for fewer features and rows")
    return explain, None if fields.values.get("against") is None else fields.whole("against")


def place(
    call: RankCall, snapshot: Snapshot, tables: Tables, deadline: Deadline, release_id: str
) -> SearchContext:
    """Check rows, codes, vector and reading against the snapshot; return the request's frame."""
    n, documents = len(snapshot), snapshot.documents
    for name, rows in (("rows", call.candidates.rows), ("user.rows", call.user.rows)):
        if rows.size and rows.max() >= n:
            raise InvalidQuery(name, int(rows.max()), f"snapshot has {n} rows", "send its rows")
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


def _query(fields: Fields, now_ms: int, vector: Array | None, reading: Reading | None) -> Query:
    place = fields.child("origin").only(("lat", "lon"))
    lat_lon = (
        GeoPoint(place.number("lat", -90, 90), place.number("lon", -180, 180))
        if place.values
        else None
    )
    return Query(
        text=fields.text("text", MAX_TEXT) if "text" in fields.values else "",
        terms=fields.texts("terms", MAX_QUERY_TERMS, MAX_TEXT),
        now_ms=now_ms,
        limit=fields.whole("limit", 10),
        offset=fields.whole("offset", 0),
        user_id=fields.text_or_none("user_id", MAX_ID),
        client_id=fields.text_or_none("client_id", MAX_ID),
        origin=lat_lon,
        vector=vector,
        reading=reading or NOTHING_READ,
    )
