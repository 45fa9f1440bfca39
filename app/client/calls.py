"""Every call of the HTTP API as data, so that both clients send the same."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
import orjson

from app.client import answers
from app.client.errors import BY_STATUS, Refused, ServiceFailed, TimedOut, Unreachable
from app.client.options import SearchOptions, as_body, as_params

T = TypeVar("T")
Json = Mapping[str, Any]

JSON, LINES = "application/json", "application/x-ndjson"
BULK_LINES = 1_000
BULK_BYTES = 8 << 20
EVENTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, which may be sent more than once, and how its answer is read."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()  # problems whose body is read as an answer


def answered(call: Call[T], response: httpx.Response) -> T:
    """Read an answer. Raises Refused for a problem."""
    if response.is_success:
        return call.read(response)
    problem = problem_of(response)
    if problem.kind in call.taken:
        return call.read(response)
    raise problem


def problem_of(response: httpx.Response) -> Refused:
    """Return what the service refused, as an error; a proxy's page is told by its status."""
    try:
        members = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        members = None
    if not isinstance(members, dict):
        members = {"type": "no-problem-json", "detail": response.text[:200]}
    asked = response.headers.get("retry-after", "")
    kind = BY_STATUS.get(response.status_code, ServiceFailed)
    return kind(response.status_code, members, float(asked) if asked.isdigit() else None)


def unanswered(error: httpx.TransportError, url: str) -> Unreachable:
    """Return a lost connection as one of our errors."""
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return TimedOut(f"{url} did not answer in time ({type(error).__name__}); raise timeout_s")
    return Unreachable(f"{url} cannot be reached: {error or type(error).__name__}; is it running?")


def search(query: str, options: SearchOptions) -> Call[answers.Answer]:
    return _post("/v1/search", as_body(query, options), answers.read_answer)


def explain(
    query: str, id_: str, compare: str | None, options: SearchOptions
) -> Call[answers.Explained]:
    body = as_body(query, options) | {"id": id_} | ({"compare": compare} if compare else {})
    return _post("/v1/explain", body, answers.read_explained)


def trace(request_id: str) -> Call[Json]:
    return _get(f"/v1/trace/{_quoted(request_id)}", _as_it_is)


def suggest(
    text: str, location: tuple[float, float] | None, given: Mapping[str, str | int | None]
) -> Call[tuple[answers.Suggestion, ...]]:
    params = as_params(location, {"q": text, **given})
    return _get("/v1/suggest", answers.read_suggestions, params)


def trending(
    location: tuple[float, float] | None, given: Mapping[str, str | int | None]
) -> Call[answers.Trending]:
    return _get("/v1/trending", answers.read_trending, as_params(location, given))


def get_document(id_: str) -> Call[answers.Stored]:
    return Call("GET", _document(id_), _stored)


def put_document(
    id_: str, document: Json, if_match: str | None, *, must_be_new: bool
) -> Call[answers.Stored]:
    headers = _write_headers(JSON, if_match, must_be_new=must_be_new)
    return Call("PUT", _document(id_), _stored, body=orjson.dumps(document), headers=headers)


def patch_document(id_: str, keys: Json, if_match: str | None) -> Call[answers.Stored]:
    headers = _write_headers(JSON, if_match)
    return Call("PATCH", _document(id_), _stored, body=orjson.dumps(keys), headers=headers)


def delete_document(id_: str, if_match: str | None) -> Call[answers.Stored]:
    return Call("DELETE", _document(id_), _stored, headers=_write_headers(None, if_match))


def put_documents(documents: Iterable[Json]) -> Iterator[tuple[int, Call[answers.Bulk]]]:
    """Yield calls of as many documents as one body takes, and how many lines each has."""
    lines: list[bytes] = []
    size = 0
    for document in documents:
        line = orjson.dumps(document)
        if lines and (len(lines) >= BULK_LINES or size + len(line) > BULK_BYTES):
            yield len(lines), _bulk(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield len(lines), _bulk(lines)


def add_events(events: Iterable[Json]) -> Iterator[Call[answers.Appended]]:
    """Yield calls of some events each. What has no `event_id` gets one, so that twice is once."""
    named = [{"event_id": uuid.uuid4().hex, **event} for event in events]
    for start in range(0, len(named), EVENTS_AT_ONCE):
        part = named[start : start + EVENTS_AT_ONCE]
        yield _post("/v1/events", part, lambda body: answers.known(answers.Appended, body))


def click(
    request_id: str, id_: str, rank: int | None, now_ms: int, who: Mapping[str, str | None]
) -> dict[str, Any]:
    """Return the event that somebody opened a result."""
    about: dict[str, Any] = {"object": {"object_id": id_}}
    if rank is not None:
        about["position"] = {"ordinal": rank}
    return {
        "action_name": "click", "timestamp": now_ms, "query_id": request_id,
        "event_attributes": about, **{k: v for k, v in who.items() if v is not None},
    }  # fmt: skip


def forget(user_id: str) -> Call[Json]:
    return Call("DELETE", f"/v1/users/{_quoted(user_id)}", _object)


def releases() -> Call[answers.Listed]:
    return _get("/v1/releases", answers.read_listed)


def snapshots() -> Call[answers.Listed]:
    return _get("/v1/snapshots", answers.read_listed)


def activate(release_id: str, *, force: bool) -> Call[Json]:
    path = f"/v1/releases/{_quoted(release_id)}/activate"
    params = {"force": "true"} if force else {}
    return Call("POST", path, _object, params, b"{}", {"Content-Type": JSON})


def health() -> Call[answers.Health]:
    return Call("GET", "/readyz", _health, taken=frozenset({"nothing-serves"}))


def _bulk(lines: Sequence[bytes]) -> Call[answers.Bulk]:
    return Call(
        "POST", "/v1/documents", lambda r: answers.read_bulk(_object(r)), {}, b"\n".join(lines),
        _write_headers(LINES, None), frozenset({"nothing-accepted"}),
    )  # fmt: skip


def _get(path: str, read: Callable[[Json], T], params: Mapping[str, str] | None = None) -> Call[T]:
    return Call("GET", path, lambda r: read(_object(r)), params or {})


def _post(path: str, body: object, read: Callable[[Json], T]) -> Call[T]:
    return Call(
        "POST", path, lambda r: read(_object(r)), {}, orjson.dumps(body), {"Content-Type": JSON}
    )


def _write_headers(
    media: str | None, if_match: str | None, *, must_be_new: bool = False
) -> dict[str, str]:
    """A write is known by its key, however often it is sent."""
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    if media is not None:
        headers["Content-Type"] = media
    if if_match is not None:
        headers["If-Match"] = if_match
    if must_be_new:
        headers["If-None-Match"] = "*"
    return headers


def _document(id_: str) -> str:
    return f"/v1/documents/{_quoted(id_)}"


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _stored(response: httpx.Response) -> answers.Stored:
    body = _object(response)
    return answers.known(answers.Stored, body, etag=response.headers.get("etag"))


def _health(response: httpx.Response) -> answers.Health:
    return answers.known(
        answers.Health, _object(response), is_ready=response.status_code == HTTPStatus.OK
    )


def _as_it_is(body: Json) -> Json:
    return body


def _object(response: httpx.Response) -> dict[str, Any]:
    """Read a JSON object. Raises ServiceFailed where something else answers under this URL."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        detail = f"{response.url} answers no JSON object; is this Duolu's URL?"
        raise ServiceFailed(response.status_code, {"type": "no-json", "detail": detail})
    return body
