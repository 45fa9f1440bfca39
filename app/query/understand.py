"""From a search as asked to a query as understood: limits first, then words, vector and filters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.corpus.encoding import query_vector
from app.domain.errors import InvalidQuery
from app.domain.filters import MAX_RADIUS_KM, AllOf, Filter, Within
from app.domain.query import MAX_QUERY_CHARACTERS, MAX_QUERY_TERMS, GeoPoint, Query
from app.query.correct import correct
from app.query.filters import parse_filters
from app.query.listing import parse_facets, parse_group, parse_highlights, parse_sort
from app.query.widen import other_terms
from app.snapshot.asked import named_place
from app.snapshot.snapshot import Snapshot

MAX_LIMIT = 1_000
MAX_WINDOW = 10_000  # offset + limit
MAX_ID_CHARACTERS = 256
MAX_TIMEOUT_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What the caller asked for, from HTTP or the shell alike. Nothing in it is checked yet."""

    text: str = ""  # "" browses
    user_id: str | None = None
    client_id: str | None = None
    unit: str | None = None  # who asks, as sent; for drawing experiments, and told to nobody
    origin: GeoPoint | None = None
    radius_km: float | None = None  # around the origin; beyond it nothing is returned
    filters: Mapping[str, Any] | None = None  # as JSON; docs/api.md has the grammar
    limit: int = 10
    offset: int = 0
    channels: tuple[str, ...] | None = None  # None asks all
    release: str | None = None  # None ranks with the current one
    correct: bool = True  # put right what the catalogue does not know, and say so
    cursor: str | None = None  # goes on where the page that gave it ended
    facets: Any = None  # fields to count by; see listing.py
    sort: Any = None
    group_by: str | None = None
    highlights: Any = None  # true, or fields
    explain: bool = False
    trace: bool = False  # keep what every stage made of it
    strict: bool = False  # a partial answer is an error
    timeout_ms: float | None = None  # None takes the service's own


def understand(
    request: SearchRequest,
    snapshot: Snapshot,
    now_ms: int,
    max_candidates: int = MAX_WINDOW,
    encodes: bool = True,
    is_live: bool = True,
) -> Query:
    """Check every limit, then analyse and encode with the snapshot's own objects.

    `max_candidates` ends ranked paging. Without `encodes` the vector is left to the caller; where
    nothing `is_live` an encoder is waited for. Raises InvalidQuery, EncoderUnavailable.
    """
    check_text(request)
    _check_page(request, max_candidates)
    check_place(request)
    _check_asked(request)
    schema = snapshot.documents.schema
    filters = parse_filters(request.filters, schema) if request.filters else None
    filters = _all_of(filters, _within(request))
    text = snapshot.analyzer.normalise(request.text)[:MAX_QUERY_CHARACTERS].rstrip()
    reading, words = snapshot.reader.read(text), snapshot.analyzer.spans(text)
    corrected = correct(text, reading, words, snapshot) if request.correct and text else None
    if corrected is not None:
        text, original, reading = corrected, text, snapshot.reader.read(corrected)
        words = snapshot.analyzer.spans(text)
    # a place that the text names wins over the asker's own
    origin = named_place(snapshot.documents, reading) or request.origin
    terms = _terms(text, reading.rest, words, snapshot)
    also = other_terms(reading, terms, snapshot)
    known = (*terms, *also) if terms else ()
    return Query(
        text=text,
        terms=terms,
        now_ms=now_ms,
        limit=request.limit,
        offset=request.offset,
        user_id=request.user_id,
        client_id=request.client_id,
        origin=origin,
        vector=query_vector(snapshot.encoder, reading.rest, known, is_live) if encodes else None,
        filters=_all_of(filters, *[q.range for q in reading.quantities if q.is_hard]),
        reading=reading,
        facets=parse_facets(request.facets, schema),
        sort=parse_sort(request.sort, schema, origin),
        group_by=parse_group(request.group_by, schema),
        highlights=parse_highlights(request.highlights, schema),
        also=also,
        original=original if corrected is not None else None,
    )


def _terms(
    text: str, rest: str, words: Sequence[tuple[str, int, int]], snapshot: Snapshot
) -> tuple[str, ...]:
    """Analyse what is to be searched for: mostly the whole text, whose words are known."""
    analyzers = snapshot.documents.schema.analyzers
    if rest == text and analyzers == ("default",):
        return tuple(dict.fromkeys([term for term, _, _ in words]))[:MAX_QUERY_TERMS]
    return snapshot.analyzer.query_terms(rest, analyzers)


def place(lat: float | None, lon: float | None) -> GeoPoint | None:
    """Return the place, None when neither is given. Half a place is an InvalidQuery."""
    if lat is None and lon is None:
        return None
    if lon is None:
        raise InvalidQuery("lon", None, "lat comes with lon", "give both, or neither")
    if lat is None:
        raise InvalidQuery("lat", None, "lon comes with lat", "give both, or neither")
    return GeoPoint(lat, lon)


def check_text(request: SearchRequest) -> None:
    """Check what was typed. Raises InvalidQuery."""
    if len(request.text) > MAX_QUERY_CHARACTERS:
        raise InvalidQuery(
            "query", request.text, f"{len(request.text)} characters, at most "
            f"{MAX_QUERY_CHARACTERS}", "shorten the query",
        )  # fmt: skip
    try:
        request.text.encode()
    except UnicodeEncodeError:
        raise InvalidQuery("query", request.text, "not Unicode text", "send UTF-8") from None


def _check_page(request: SearchRequest, max_candidates: int) -> None:
    if not 1 <= request.limit <= MAX_LIMIT:
        raise InvalidQuery("limit", request.limit, f"between 1 and {MAX_LIMIT}", "page with offset")
    if request.offset < 0:
        raise InvalidQuery("offset", request.offset, "at least 0", "start at 0")
    end = request.offset + request.limit
    if end > (MAX_WINDOW if request.sort else min(MAX_WINDOW, max_candidates)):
        field = "offset" if request.offset else "limit"
        raise InvalidQuery(
            field, getattr(request, field),
            f"offset + limit is {end}, ranked paging ends at {min(MAX_WINDOW, max_candidates)}",
            "narrow the search with filters, or raise merge.max_candidates",
        )  # fmt: skip


def check_place(request: SearchRequest) -> None:
    """Check the place and what is near it. Raises InvalidQuery."""
    if request.origin is not None:
        _between("lat", request.origin.lat, -90, 90, "degrees, WGS84")
        _between("lon", request.origin.lon, -180, 180, "degrees, WGS84")
    if request.radius_km is None:
        return
    if request.origin is None:
        raise InvalidQuery(
            "radius_km", request.radius_km, "needs a place", "give lat and lon as well"
        )
    if not 0 < request.radius_km <= MAX_RADIUS_KM:
        raise InvalidQuery(
            "radius_km", request.radius_km, f"above 0 and at most {MAX_RADIUS_KM:.0f}", "use km"
        )


def check_person(request: SearchRequest) -> None:
    """Check who asks, before anything else hears of them. Raises InvalidQuery."""
    _check_id("user_id", request.user_id)
    _check_id("client_id", request.client_id)


def _check_id(field: str, value: str | None) -> None:
    if value is None:
        return
    if not 1 <= len(value) <= MAX_ID_CHARACTERS or "\0" in value:
        limit = f"1 to {MAX_ID_CHARACTERS} characters, none of them 0"
        raise InvalidQuery(field, value, limit, "leave it out for none")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidQuery(field, value, "not Unicode text", "send UTF-8") from None


def _check_asked(request: SearchRequest) -> None:
    check_person(request)
    _check_id("release", request.release)
    if request.channels is not None and not request.channels:
        raise InvalidQuery("channels", [], "at least one name", "leave it out to ask all")
    if request.timeout_ms is not None:
        _between("timeout_ms", request.timeout_ms, 1, MAX_TIMEOUT_MS, "milliseconds")


def _between(field: str, value: float, low: float, high: float, unit: str) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise InvalidQuery(field, value, f"between {low:g} and {high:g}", f"use {unit}")


def _within(request: SearchRequest) -> Filter | None:
    if request.origin is None or request.radius_km is None:
        return None
    return Within(request.origin.lat, request.origin.lon, request.radius_km)


def _all_of(*filters: Filter | None) -> Filter | None:
    parts = [f for f in filters if f is not None]
    if len(parts) > 1:
        return AllOf(tuple(parts))
    return parts[0] if parts else None
