"""What the service answers, as data. `raw` of an answer is all that it said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Protocol, TypeVar

Json = Mapping[str, Any]


class Data(Protocol):
    """A dataclass, of any kind."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=Data)


def known(cls: type[T], body: Json, **read: Any) -> T:
    """Make `cls` of the keys that it has fields for; `read` are those that are more than JSON."""
    names = {f.name for f in fields(cls)}
    return cls(**{k: v for k, v in body.items() if k in names} | read)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a channel had a document; without a rank where it did not return it."""

    rank: int | None = None
    score: float | None = None
    k: int | None = None  # of an explanation: how many it was asked for
    status: str | None = None  # and how the document stands in it


@dataclass(frozen=True, slots=True)
class FeatureShare:
    """What knowing one feature's value adds to a score."""

    name: str
    value: float | None  # None: missing
    contribution: float


@dataclass(frozen=True, slots=True)
class FeatureGap:
    """What one feature puts between the scores of two documents."""

    name: str
    value: float | None
    other: float | None
    difference: float


@dataclass(frozen=True, slots=True)
class Why:
    """`base_score` and all contributions sum to the score."""

    base_score: float
    features: tuple[FeatureShare, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """One document of an answer."""

    id: str
    rank: int
    score: float
    document: Json
    channels: Mapping[str, Placed]
    reasons: Sequence[str] = ()
    distance_km: float | None = None
    highlights: Json = field(default_factory=dict)  # field → text, ranges, html
    group: Json | None = None  # value and count
    rule: str | None = None  # that moved it
    explored: bool = False  # exploration drew it
    explain: Why | None = None
    raw: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """How one channel fared."""

    name: str
    status: str  # ok, skipped, timed_out, failed
    hits: int
    elapsed_ms: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of a search. `degraded` says what it lacks; `release_id` None: no model ranked."""

    request_id: str
    took_ms: float
    snapshot_id: str
    log_seq: int
    tables_id: str | None
    release_id: str | None
    degraded: Sequence[str]
    query: Json  # text; corrected, original, relaxed, empty_because where they apply
    total: int
    total_relation: str  # "eq", or "gte" where there may be more
    results: tuple[Result, ...]
    channels: tuple[ChannelReport, ...]
    timings_ms: Mapping[str, float]
    next_cursor: str | None = None
    facets: Json = field(default_factory=dict)
    raw: Json = field(default_factory=dict, repr=False)

    @property
    def ids(self) -> list[str]:
        return [result.id for result in self.results]


@dataclass(frozen=True, slots=True)
class Suggestion:
    text: str
    kind: str  # query, entity, category
    count: int | None = None
    highlight: Sequence[Sequence[int]] = ()  # [start, end) of what was typed
    raw: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Trending:
    """What rises, the strongest first: how many `people`, and how many were `expected`."""

    queries: tuple[Json, ...] = ()  # text, people, expected, score
    documents: tuple[Json, ...] = ()  # id, people, expected, score, document
    area: str = "everywhere"  # or near the place that was asked for
    until_ms: int | None = None  # as of when; None: nothing was learned yet
    raw: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Explained:
    """What became of one document in a search. `stage` says what dropped it, where it is missing.

    `difference` sums to `score_difference`: its score less that of the document under `compare`.
    """

    id: str
    found: bool
    rank: int | None
    score: float | None
    stage: str | None
    detail: Any
    channels: Mapping[str, Placed]
    base_score: float | None
    features: tuple[FeatureShare, ...]
    degraded: Sequence[str] = ()
    compare: Explained | None = None
    score_difference: float | None = None
    difference: tuple[FeatureGap, ...] = ()
    raw: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as it stands. Send `etag` as `if_match` to write only upon what was read."""

    id: str
    document: Json = field(default_factory=dict)  # empty in the answer to a write
    seq: int | None = None  # of a write: its number in the document log
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document of many that was not taken."""

    line: int  # from 1, of all that were sent
    id: str | None
    field: str
    value: Any
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Bulk:
    """What became of many documents."""

    accepted: int = 0
    refused: tuple[Refusal, ...] = ()
    seq: int | None = None  # of the last one written

    def and_then(self, later: Bulk, lines_before: int) -> Bulk:
        """Put two parts together; `lines_before` were sent before the later one."""
        moved = (replace(r, line=r.line + lines_before) for r in later.refused)
        seq = self.seq if later.seq is None else later.seq
        return Bulk(self.accepted + later.accepted, (*self.refused, *moved), seq)


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of events."""

    accepted: int
    duplicates: int
    refused: int
    seq: int | None = None
    unknown_documents: int = 0
    errors: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """Releases or snapshots, newest first."""

    serving: str | None
    published: str | None
    entries: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Health:
    is_ready: bool
    snapshot_id: str | None = None
    release_id: str | None = None
    detail: str | None = None  # why it is not


def read_answer(body: Json) -> Answer:
    results = tuple(map(_result, body["results"]))
    reports = tuple(known(ChannelReport, c) for c in body["channels"])
    return known(Answer, body, results=results, channels=reports, raw=body)


def read_explained(body: Json) -> Explained:
    other = body.get("compare")
    return known(
        Explained, body, channels=_placed(body), features=_features(body), raw=body,
        compare=read_explained(other) if other else None,
        difference=tuple(known(FeatureGap, gap) for gap in body.get("difference") or ()),
    )  # fmt: skip


def read_suggestions(body: Json) -> tuple[Suggestion, ...]:
    return tuple(known(Suggestion, s, raw=s) for s in body["suggestions"])


def read_trending(body: Json) -> Trending:
    queries, documents = (tuple(body.get(k) or ()) for k in ("queries", "documents"))
    return known(Trending, body, queries=queries, documents=documents, raw=body)


def read_bulk(body: Json) -> Bulk:
    refused = tuple(
        known(Refusal, r["error"], line=r["line"], id=r.get("id"))
        for r in body["results"] if "error" in r
    )  # fmt: skip
    return Bulk(body["accepted"], refused, body["seq"])


def read_listed(body: Json) -> Listed:
    entries = body.get("releases", body.get("snapshots", ()))
    return Listed(body["serving"], body["published"], tuple(entries))


def _result(body: Json) -> Result:
    why = body.get("explain")
    return known(
        Result, body, channels=_placed(body), raw=body,
        explain=Why(why["base_score"], _features(why)) if why else None,
    )  # fmt: skip


def _placed(body: Json) -> dict[str, Placed]:
    return {name: known(Placed, place) for name, place in (body.get("channels") or {}).items()}


def _features(body: Json) -> tuple[FeatureShare, ...]:
    return tuple(known(FeatureShare, f) for f in body.get("features") or ())
