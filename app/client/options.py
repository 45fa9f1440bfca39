"""What a search may be told beside its words; docs/api.md says what each means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class SearchOptions(TypedDict, total=False):
    """The fields of a search's body. `location` is (lat, lon) in degrees, WGS84."""

    user_id: str
    client_id: str
    location: tuple[float, float]
    radius_km: float
    filters: Mapping[str, Any]
    limit: int
    offset: int
    channels: Sequence[str]
    release: str
    cursor: str
    facets: Sequence[str]
    sort: str | Sequence[str]
    group_by: str
    highlights: bool | Sequence[str]
    correct: bool
    explain: bool
    strict: bool
    trace: bool
    timeout_ms: float


def as_body(query: str, options: SearchOptions) -> dict[str, Any]:
    """Return the body of a search; what is None is left out."""
    body: dict[str, Any] = {k: v for k, v in options.items() if v is not None}
    if "location" in body:
        lat, lon = body["location"]
        body["location"] = {"lat": lat, "lon": lon}
    return {"query": query, **body}


def as_params(
    location: tuple[float, float] | None, given: Mapping[str, str | int | None]
) -> dict[str, str]:
    """Return URL parameters; what is None is left out."""
    params = {name: str(value) for name, value in given.items() if value is not None}
    if location is not None:
        params["lat"], params["lon"] = (str(float(degrees)) for degrees in location)
    return params
