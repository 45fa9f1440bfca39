"""What a rank call says in JSON, as types: each field, and what it may hold."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.json import Decoder

from app.domain.query import MAX_QUERY_TERMS
from app.rank.read_query import ReadingSaid
from app.rank.typed import Whole
from app.rank.wire import Lengths, Listed

MAX_CHANNELS = 32
MAX_ID = 256
MAX_TEXT = 10_000  # a query of 512 characters can grow when it is normalised
MAX_TIMEOUT_MS = 60_000.0
MAX_FEATURE_ROWS = 1_000

Id = Annotated[str, Meta(max_length=MAX_ID)]
Rows = Annotated[int, Meta(ge=0, le=MAX_FEATURE_ROWS)]


class Standing(Struct, frozen=True, forbid_unknown_fields=True):
    """What calls say again and again, checked once."""

    snapshot_id: Id
    log_seq: Whole
    tables_id: Id | None = None
    release_id: Id | None = None  # None: the one that the ranker serves
    channels: Annotated[tuple[Id, ...], Meta(max_length=MAX_CHANNELS)] = ()
    arrays: Listed = []


class PlaceSaid(Struct, frozen=True, forbid_unknown_fields=True):
    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]


class QuerySaid(Struct, frozen=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(max_length=MAX_TEXT)] = ""
    terms: Annotated[
        tuple[Annotated[str, Meta(max_length=MAX_TEXT)], ...], Meta(max_length=MAX_QUERY_TERMS)
    ] = ()
    limit: Whole = 10
    offset: Whole = 0
    user_id: Id | None = None
    client_id: Id | None = None
    origin: PlaceSaid | None = None
    reading: ReadingSaid | None = None  # None: it is for the ranker to read


class UserSaid(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id | None = None
    preferences: Annotated[dict[str, Whole], Meta(max_length=MAX_CHANNELS)] | None = None


class Passing(Struct, frozen=True, forbid_unknown_fields=True):
    """What each call says for itself."""

    request_id: Id
    now_ms: Whole
    timeout_ms: Annotated[float, Meta(ge=0, le=MAX_TIMEOUT_MS)] = MAX_TIMEOUT_MS
    query: QuerySaid | None = None
    user: UserSaid | None = None
    features: Rows = 0  # return the features of so many best
    drawn: Rows = 0  # of so many that are drawn, as Keep says
    rows: Annotated[tuple[Whole, ...], Meta(max_length=MAX_FEATURE_ROWS)] = ()  # and of these
    explain: bool = False  # say beside the features what each of them adds
    against: Whole | None = None  # and to the difference from this candidate's score
    shapes: Lengths = []


STANDING, PASSING, QUERY = (
    tuple(name for name in said.__struct_fields__ if name not in ("arrays", "shapes"))
    for said in (Standing, Passing, QuerySaid)
)
HEADER = STANDING + PASSING

FORM, REST = Decoder(Standing), Decoder(Passing)
"""Readers of a frame's form and of its header."""

NO_QUERY, NOBODY = QuerySaid(), UserSaid()
