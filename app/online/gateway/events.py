"""POST /v1/events: what people did, one event or many, durable before the answer."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.corpus.event_log import Appended
from app.corpus.posted_events import Posted, read_posted
from app.domain.errors import InvalidField
from app.online.access import media_type, refuse_foreign_page, require_key
from app.online.gateway.behaviour import Behaviour
from app.online.json_body import JSON, to_json
from app.online.limits import plain
from app.online.problems import Problem
from app.online.service import Service, service_of
from app.online.telemetry import note

MAX_EVENTS_BYTES = 4 << 20
LINES = ("application/x-ndjson", "application/ndjson")
EXAMPLE = {
    "action_name": "click",
    "timestamp": "2026-01-31T12:00:00Z",
    "query_id": "6f1c2d3e4b5a6978",
    "client_id": "phone-17",
    "user_id": "u17",
    "event_attributes": {"object": {"object_id": "d42"}, "position": {"ordinal": 3}},
}
OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": ["object", "array"]}, "example": EXAMPLE},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}

router = APIRouter(default_response_class=Response)


@router.post("/v1/events", openapi_extra=OPENAPI)
async def post_events(request: Request) -> Response:
    """Add events in the UBI 1.3 schema: an object, an array, or one a line (NDJSON).

    A bad one is named and left out; the others are accepted. Twice is once, by `event_id`.
    """
    service = service_of(request)
    require_key(request, service.key)
    refuse_foreign_page(request, service.settings.service.cors_origins)
    behaviour: Behaviour = request.app.state.behaviour
    body = await service.incoming.read(plain(request), MAX_EVENTS_BYTES)
    with behaviour.bodies.hold(len(body)):
        posted, unknown = await behaviour.beside(_read, body, media_type(request) in LINES, service)
        behaviour.counts.events.labels("refused").inc(posted.refused)
        if not posted.events:
            raise _nothing_good(posted)
        done = await behaviour.append(posted.events)
    _count(behaviour, done, unknown)
    note(request.scope, events=done.accepted, refused=posted.refused, seq=done.last_seq)
    return Response(to_json(_answer(posted, done, unknown)), media_type=JSON)


def _read(body: bytes, is_lines: bool, service: Service) -> tuple[Posted, int]:
    """Read a body and count the documents named in it that the catalogue lacks. On a thread."""
    try:
        posted = read_posted(body, is_lines, int(time.time() * 1e3))
    except InvalidField as error:
        raise _refused(error) from None
    serving = service.engine.serving
    named = [event.object_id for event in posted.events if event.object_id is not None]
    if serving is None or not named:
        return posted, 0
    return posted, int((serving.snapshot.documents.ids.find_all(named) < 0).sum())


def _count(behaviour: Behaviour, done: Appended, unknown: int) -> None:
    behaviour.counts.events.labels("accepted").inc(done.accepted)
    behaviour.counts.events.labels("duplicate").inc(done.duplicates)
    behaviour.counts.unknown.inc(unknown)


def _answer(posted: Posted, done: Appended, unknown: int) -> dict[str, Any]:
    return {
        "accepted": done.accepted,
        "duplicates": done.duplicates,
        "refused": posted.refused,
        "unknown_documents": unknown,
        "seq": done.last_seq,
        "errors": _errors(posted),
    }


def _errors(posted: Posted) -> list[dict[str, Any]]:
    return [
        {"index": r.index, "field": r.field, "value": r.value, "detail": r.reason}
        for r in posted.reasons
    ]


def _nothing_good(posted: Posted) -> Problem:
    """Build the 400 of a body in which every event is bad; the first says what is wrong."""
    first = posted.reasons[0]
    return Problem(
        400, "nothing-accepted", f"event {first.index}: {first.reason}",
        field=first.field, value=first.value, limit="the UBI 1.3 schema",
        remedy="see docs/events.md", errors=_errors(posted), refused=posted.refused,
    )  # fmt: skip


def _refused(error: InvalidField) -> Problem:
    return Problem(
        400, "invalid-request", str(error), field=error.field, value=error.value,
        limit="one event or several, JSON", remedy=error.remedy,
    )  # fmt: skip
