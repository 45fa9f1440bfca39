"""The shapes that callers send. Limits of meaning are `query.understand`'s; here only form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.domain.query import GeoPoint
from app.online.forms import json_object, parse
from app.online.problems import refused_field
from app.query.understand import MAX_ID_CHARACTERS, SearchRequest, place

DocumentId = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]


class Location(BaseModel):
    """A place in degrees, WGS84."""

    model_config = ConfigDict(extra="forbid", strict=True)

    lat: float = Field(allow_inf_nan=False, description="-90 to 90")
    lon: float = Field(allow_inf_nan=False, description="-180 to 180")


class SearchBody(BaseModel):
    """A search. Everything is optional; an empty query browses."""

    model_config = ConfigDict(extra="forbid", strict=True)

    query: str = Field("", description="at most 512 characters")
    user_id: str | None = Field(None, description="the person; what they did shapes the answer")
    client_id: str | None = Field(None, description="the device, for people without an id")
    location: Location | None = None
    radius_km: float | None = Field(None, description="nothing farther from the location")
    filters: dict[str, Any] | None = Field(
        None, description='{"price": {"lte": 100}, "category": ["hotpot"], "not": {…}, "or": […]}'
    )
    limit: int = Field(10, description="1 to 1000")
    offset: int = Field(0, description="offset + limit at most merge.max_candidates")
    channels: list[str] | None = Field(None, description="ask only these")
    release: str | None = Field(None, description="rank with this release")
    cursor: str | None = Field(None, description="next_cursor of the page before")
    facets: list[str] | None = Field(None, description="fields to count all matches by")
    sort: str | list[str] | None = Field(None, description="price, -price or distance; or several")
    group_by: str | None = Field(None, description="keyword field; only the best of each value")
    highlights: bool | list[str] = Field(False, description="mark matches: true, or fields")
    correct: bool = Field(True, description="put right what the catalogue does not know")
    explain: bool = Field(False, description="say what each feature adds to a score")
    trace: bool = Field(False, description="keep every stage for GET /v1/trace/{request_id}")
    strict: bool = Field(False, description="a partial answer is 503")
    timeout_ms: float | None = Field(None, description="1 to 60000")


class ExplainBody(BaseModel):
    """What an explanation takes beside a search."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: DocumentId = Field(description="the document")
    compare: DocumentId | None = Field(None, description="another, to set beside it")


class SearchParams(BaseModel):
    """The same search in a URL."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field("", description="the query, at most 512 characters")
    user_id: str | None = None
    client_id: str | None = None
    lat: float | None = Field(None, allow_inf_nan=False)
    lon: float | None = Field(None, allow_inf_nan=False)
    radius_km: float | None = None
    limit: int = 10
    offset: int = 0
    channels: str | None = Field(None, description="names with commas between")
    release: str | None = None
    cursor: str | None = None
    facets: str | None = Field(None, description="names with commas between")
    sort: str | None = Field(None, description="price, -price or distance, with commas between")
    group_by: str | None = None
    highlights: str | None = Field(None, description="true, or fields with commas between")
    correct: bool = True
    explain: bool = False
    trace: bool = False
    strict: bool = False
    timeout_ms: float | None = None


def question_of_body(body: bytes) -> tuple[SearchRequest, tuple[str, ...]]:
    """Read a search with the one or two documents asked about. Raises a 400 problem."""
    fields = json_object(body)
    own = {name: fields.pop(name) for name in ExplainBody.model_fields if name in fields}
    asked = parse(ExplainBody, own)
    if fields.get("cursor"):
        raise refused_field("cursor", fields["cursor"], "a list is explained whole", "leave it out")
    if asked.compare == asked.id:
        raise refused_field("compare", asked.compare, "the same document", "name another one")
    for name, id_ in (("id", asked.id), ("compare", asked.compare or "")):
        if "\0" in id_:
            raise refused_field(name, id_, "no document has a 0 in its id", "send another id")
    ids = (asked.id,) if asked.compare is None else (asked.id, asked.compare)
    return request_of_fields(fields), ids


def request_of_body(body: bytes) -> SearchRequest:
    """Read a POST body. Raises a 400 problem naming what is wrong."""
    return request_of_fields(json_object(body))


def request_of_fields(fields: dict[str, Any]) -> SearchRequest:
    """Read a search. Raises a 400 problem naming what is wrong."""
    asked = parse(SearchBody, fields)
    location = asked.location
    return SearchRequest(
        text=asked.query,
        user_id=asked.user_id,
        client_id=asked.client_id,
        origin=GeoPoint(location.lat, location.lon) if location else None,
        radius_km=asked.radius_km,
        filters=asked.filters,
        limit=asked.limit,
        offset=asked.offset,
        channels=None if asked.channels is None else tuple(dict.fromkeys(asked.channels)),
        release=asked.release,
        cursor=asked.cursor or None,
        facets=asked.facets,
        sort=asked.sort,
        group_by=asked.group_by,
        highlights=asked.highlights or None,
        correct=asked.correct,
        explain=asked.explain,
        trace=asked.trace,
        strict=asked.strict,
        timeout_ms=asked.timeout_ms,
    )


def request_of_params(pairs: Iterable[tuple[str, str]]) -> SearchRequest:
    """Read the parameters of a URL. Raises a 400 problem naming what is wrong."""
    fields = once_each(pairs)
    asked = parse(SearchParams, fields)
    names = [] if asked.channels is None else [n.strip() for n in asked.channels.split(",")]
    return SearchRequest(
        text=asked.q,
        user_id=asked.user_id or None,
        client_id=asked.client_id or None,
        origin=place(asked.lat, asked.lon),
        radius_km=asked.radius_km,
        limit=asked.limit,
        offset=asked.offset,
        channels=None if asked.channels is None else tuple(dict.fromkeys(filter(None, names))),
        release=asked.release or None,
        cursor=asked.cursor or None,
        facets=_names(asked.facets),
        sort=_names(asked.sort),
        group_by=asked.group_by or None,
        highlights=asked.highlights == "true" or _names(asked.highlights) or None,
        correct=asked.correct,
        explain=asked.explain,
        trace=asked.trace,
        strict=asked.strict,
        timeout_ms=asked.timeout_ms,
    )


def _names(text: str | None) -> list[str] | None:
    return [n.strip() for n in text.split(",") if n.strip()] if text else None


def openapi_of_body() -> dict[str, Any]:
    """Describe the POST body for /docs, its one nested shape written in place."""
    schema = SearchBody.model_json_schema()
    location = schema.pop("$defs")["Location"]
    schema["properties"]["location"]["anyOf"][0] = location
    content = {"application/json": {"schema": schema, "example": {"query": "火锅", "limit": 5}}}
    return {"requestBody": {"content": content}}


def openapi_of_explain() -> dict[str, Any]:
    """Describe the body of an explanation for /docs."""
    described = openapi_of_body()
    content = described["requestBody"]["content"]["application/json"]
    content["schema"]["properties"] |= ExplainBody.model_json_schema()["properties"]
    content["example"] = {"query": "火锅", "id": "p812", "compare": "p17"}
    return described


def openapi_of_params(shape: type[BaseModel] = SearchParams) -> dict[str, Any]:
    """Describe the URL parameters for /docs."""
    properties = shape.model_json_schema()["properties"]
    parameters = [
        {"name": name, "in": "query", "description": p.pop("description", ""), "schema": p}
        for name, p in properties.items()
    ]
    return {"parameters": parameters}


def once_each(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters of a URL. Raises a 400 problem for one that stands there twice."""
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise refused_field(name, value, "given twice", "give it once")
        fields[name] = value
    return fields
