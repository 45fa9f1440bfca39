"""GET /v1/trending: what more people ask for and choose than is usual."""

from __future__ import annotations

import time
from typing import Any

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from app.domain.query import Query
from app.online.forms import parse
from app.online.gateway.schemas import once_each, openapi_of_params
from app.online.json_body import JSON, to_json
from app.online.service import service_of
from app.online.telemetry import note
from app.pipeline.serving import Serving
from app.pipeline.suggest import check_suggest
from app.query.trending import Riser, rises
from app.query.understand import SearchRequest, place

router = APIRouter(default_response_class=Response)


class TrendingParams(BaseModel):
    """Where, and among what."""

    model_config = ConfigDict(extra="forbid")

    lat: float | None = Field(None, allow_inf_nan=False)
    lon: float | None = Field(None, allow_inf_nan=False)
    category: str | None = Field(None, description="a category of the catalogue")
    limit: int = Field(10, description="1 to 50, of queries and of documents")


@router.get("/v1/trending", openapi_extra=openapi_of_params(TrendingParams))
async def trending_by_url(request: Request) -> Response:
    """List queries and documents that rise against their own past."""
    service = service_of(request)
    asked = parse(TrendingParams, once_each(request.query_params.multi_items()))
    where = SearchRequest(origin=place(asked.lat, asked.lon), limit=asked.limit)
    check_suggest(where)
    with service.admission.enter():
        serving = service.engine.acquire()
        body = _body(serving, where, asked.category or None)
    note(request.scope, snapshot_id=serving.snapshot.id, tables_id=serving.tables.id)
    return Response(to_json(body), media_type=JSON)


def _body(serving: Serving, where: SearchRequest, category: str | None) -> dict[str, Any]:
    started = time.perf_counter()
    snapshot, tables = serving.snapshot, serving.tables
    queries: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []
    is_local, held = False, tables.trending
    if held is not None:
        everything = Query("", (), time.time_ns() // 1_000_000, origin=where.origin)
        removed = serving.search.selection.rules.removal(everything, snapshot.documents)
        found = rises(held, snapshot, where.origin, category, where.limit, removed)
        is_local = found.is_local
        queries = [{"text": held.texts[q.code], **_how(q)} for q in found.queries]
        documents = [
            {
                "id": held.documents[d.code], **_how(d),
                "document": orjson.Fragment(snapshot.documents.shown(d.row)),
            }
            for d in found.documents
        ]  # fmt: skip
    return {
        "queries": queries,
        "documents": documents,
        "area": "near" if is_local else "everywhere",
        "until_ms": held.until_ms if held is not None else None,
        "took_ms": round((time.perf_counter() - started) * 1e3, 3),
        "snapshot_id": snapshot.id,
        "tables_id": tables.id,
    }


def _how(one: Riser) -> dict[str, Any]:
    expected, score = round(one.expected, 2), round(one.score, 2)
    return {"people": one.people, "expected": expected, "score": score}
