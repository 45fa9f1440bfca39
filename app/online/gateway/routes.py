"""The calls that people search with: form in, the engine's answer out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.online.access import require_key
from app.online.gateway.answer import answer_body, versions
from app.online.gateway.impressions import ImpressionLog
from app.online.gateway.schemas import (
    openapi_of_body,
    openapi_of_params,
    request_of_body,
    request_of_params,
)
from app.online.gateway.tracing import ASKED, EXPLAINED, Tracing
from app.online.heads import is_head
from app.online.json_body import JSON, to_json
from app.online.limits import plain
from app.online.problems import RETRY, Problem
from app.online.service import Service, service_of
from app.online.telemetry import note
from app.pipeline.serving import Answer
from app.query.understand import SearchRequest

router = APIRouter(default_response_class=Response)


@router.get("/v1/search", openapi_extra=openapi_of_params())
async def search_by_url(request: Request) -> Response:
    """Search with the parameters of the URL."""
    return await _search(request, request_of_params(request.query_params.multi_items()))


@router.post("/v1/search", openapi_extra=openapi_of_body())
async def search_by_body(request: Request) -> Response:
    """Search with a JSON body, which also carries filters."""
    body = await service_of(request).incoming.read(plain(request))
    return await _search(request, request_of_body(body))


async def _search(request: Request, asked: SearchRequest) -> Response:
    service = service_of(request)
    if asked.explain or asked.trace:
        require_key(request, service.key)  # it says how the model works, and takes its time
    log: ImpressionLog | None = None if is_head(request.scope) else request.app.state.impressions
    tracing: Tracing = request.app.state.tracing
    with service.admission.enter():
        asked, missing = await service.door.searcher(asked, is_logged=log is not None)
        keep = log.keep if log else None
        answer = await service.engine.search(asked, keep=keep, missing=missing)
        if asked.explain or asked.trace:
            answer = await tracing.keep(answer, EXPLAINED if asked.explain else ASKED)
        elif asked.cursor is None:  # a later page went through no stages
            tracing.offer(answer)
    body = answer_body(answer)
    _record(request, service, asked, answer, body)
    if asked.strict and answer.result.degraded:
        raise _partial_answer(answer.result.degraded)
    is_ranked = not asked.sort and asked.cursor is None
    if log is not None and is_ranked:  # who sorts chose the order; a later page was ranked before
        log.served(asked, answer)
    return Response(to_json(body), media_type=JSON)


def _record(
    request: Request, service: Service, asked: SearchRequest, answer: Answer, body: dict[str, Any]
) -> None:
    """Count a search, and say in the request's log line what its answer says."""
    result = answer.result
    order = _order(asked, answer)
    service.metrics.answered(order, len(result.ids))
    service.metrics.search(answer.timings_ms, result.hits, result.degraded)
    note(
        request.scope,
        **versions(answer),
        order=order,
        degraded=result.degraded,
        candidates=len(result.candidates),
        returned=len(result.ids),
        total=result.total,
        channels=body["channels"],
        timings_ms=body["timings_ms"],
    )


def _order(asked: SearchRequest, answer: Answer) -> str:
    """Say what ordered an answer, one of metrics.ORDERS."""
    if asked.cursor is not None:
        return "cursor"
    if asked.sort:
        return "sorted"
    return "fused" if answer.result.release_id is None else "ranked"


def _partial_answer(degraded: tuple[str, ...]) -> Problem:
    """Build the 503 of a strict search whose answer would have lacked something."""
    return Problem(
        503, "partial-answer", f"the answer lacks {', '.join(degraded)}", RETRY,
        field="strict", value="True", limit="only a whole answer was wanted",
        remedy="try again, or send strict = false", degraded=degraded,
    )  # fmt: skip
