"""What a caller asked. Holds no service state and reads no clock."""

from __future__ import annotations

import time
from dataclasses import dataclass

from app.domain.arrays import F32
from app.domain.filters import Filter
from app.domain.reading import NOTHING_READ, Reading

MAX_QUERY_CHARACTERS = 512
MAX_QUERY_TERMS = 64


@dataclass(frozen=True, slots=True)
class GeoPoint:
    """Degrees, WGS84: lat in [-90, 90], lon in [-180, 180]."""

    lat: float
    lon: float


DISTANCE = "distance"
"""What a list is sorted by beside fields: kilometres from the place."""


@dataclass(frozen=True, slots=True)
class SortKey:
    field: str  # a number field, or DISTANCE
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A search as understood."""

    text: str  # normalised; "" browses
    terms: tuple[str, ...]  # analysed, distinct, in order of first appearance
    now_ms: int  # Unix epoch of the request; every age feature reads this, never a clock
    limit: int = 10
    offset: int = 0
    user_id: str | None = None
    client_id: str | None = None
    origin: GeoPoint | None = None
    vector: F32 | None = None  # (dim,) unit length; None when the text has no known term
    filters: Filter | None = None
    reading: Reading = NOTHING_READ  # what parts of the text name or bound
    facets: tuple[str, ...] = ()  # fields whose values are counted over all matches
    sort: tuple[SortKey, ...] = ()  # empty: by relevance
    highlights: tuple[str, ...] = ()  # fields whose matches are marked
    group_by: str | None = None  # keyword field of whose values only the best is returned each
    also: tuple[str, ...] = ()  # terms of synonyms: searched for beside `terms`, no feature's
    relaxed: tuple[str, ...] = ()  # what was left out because nothing matched all of it
    original: str | None = None  # what was typed, in normal form, where `text` is a correction


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the monotonic clock. Passed down, never re-derived."""

    at_ns: int

    @classmethod
    def after_ms(cls, budget_ms: float) -> Deadline:
        return cls(time.monotonic_ns() + int(budget_ms * 1e6))

    def remaining_s(self) -> float:
        return max(0.0, (self.at_ns - time.monotonic_ns()) / 1e9)

    def has_passed(self) -> bool:
        return time.monotonic_ns() >= self.at_ns
