"""GET /v1/suggest: what somebody may be about to type."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.online.forms import parse
from app.online.gateway.schemas import once_each, openapi_of_params
from app.online.json_body import JSON, to_json
from app.online.service import Service, service_of
from app.online.telemetry import note
from app.pipeline.suggest import Suggested, answer_suggest, check_suggest
from app.query.suggest import KINDS, Suggestion
from app.query.understand import SearchRequest, place

router = APIRouter(default_response_class=Response)


class SuggestParams(BaseModel):
    """A beginning, and for whom it is completed."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field("", description="what was typed so far, at most 512 characters; nothing: hot")
    user_id: str | None = None
    client_id: str | None = None
    lat: float | None = Field(None, allow_inf_nan=False)
    lon: float | None = Field(None, allow_inf_nan=False)
    limit: int = Field(10, description="1 to 50")


def counter(service: Service) -> Counter:
    """Make the counter of what is suggested, by kind."""
    registry = service.metrics.registry
    made = Counter("duolu_suggestions", "Suggestions made", ["kind"], registry=registry)
    for kind in KINDS:
        made.labels(kind)
    return made


@router.get("/v1/suggest", openapi_extra=openapi_of_params(SuggestParams))
async def suggest_by_url(request: Request) -> Response:
    """Complete what was typed so far: queries of others, names and categories."""
    service = service_of(request)
    asked = request_of(once_each(request.query_params.multi_items()))
    check_suggest(asked)
    engine = service.engine
    with service.admission.enter():
        asked, missing = await service.door.searcher(asked, is_logged=False)
        answer = await answer_suggest(
            asked, engine.acquire(), engine.people, service.settings.state.newest,
            int(time.time() * 1e3), missing,
        )  # fmt: skip
    for suggestion in answer.suggestions:
        request.app.state.suggested.labels(suggestion.kind).inc()
    note(
        request.scope, snapshot_id=answer.snapshot_id, tables_id=answer.tables_id,
        degraded=answer.missing, returned=len(answer.suggestions),
    )  # fmt: skip
    return Response(to_json(body_of(answer)), media_type=JSON)


def request_of(fields: dict[str, str]) -> SearchRequest:
    """Read the parameters. Raises a 400 problem naming what is wrong."""
    asked = parse(SuggestParams, fields)
    return SearchRequest(
        text=asked.q,
        user_id=asked.user_id or None,
        client_id=asked.client_id or None,
        origin=place(asked.lat, asked.lon),
        limit=asked.limit,
    )


def body_of(answer: Suggested) -> dict[str, Any]:
    """Lay an answer out as JSON."""
    return {
        "suggestions": [_entry(suggestion) for suggestion in answer.suggestions],
        "took_ms": round(answer.took_ms, 3),
        "snapshot_id": answer.snapshot_id,
        "tables_id": answer.tables_id,
        "degraded": answer.missing,
    }


def _entry(one: Suggestion) -> dict[str, Any]:
    entry: dict[str, Any] = {"text": one.text, "kind": one.kind, "count": one.count}
    if one.covers is not None:
        entry["highlight"] = [one.covers]
    return entry
