"""The ranker's calls: rank for gateways, rerank for whoever has documents of their own choice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.domain.query import Deadline
from app.online.access import JSON_TYPES, media_type, refuse_foreign_page, require_key
from app.online.json_body import JSON, to_json
from app.online.limits import plain
from app.online.ranker.calling import BINARY, MAX_CALL_BYTES, PATH, facts_of
from app.online.ranker.schemas import RerankBody, rerank_of_body
from app.online.ranker.work import NotOpen, open_missing, rank_in_time, rerank
from app.online.service import Service, service_of
from app.online.telemetry import note
from app.rank.call import RankCall, decode_call
from app.rank.json_call import decode_json_call
from app.rank.reply import RankReply, encode_reply, reply_as_json

router = APIRouter(default_response_class=Response)
T = TypeVar("T")

RERANK_FORM = {"requestBody": {"content": {JSON: {"schema": RerankBody.model_json_schema()}}}}


@router.post(PATH)
async def rank_candidates(request: Request) -> Response:
    """Score candidates that a gateway recalled. docs/api.md describes the body."""
    service = service_of(request)
    require_key(request, service.key)
    refuse_foreign_page(request, service.settings.service.cors_origins, (BINARY, *JSON_TYPES[:1]))
    read = decode_json_call if media_type(request) == JSON else decode_call
    body = await service.incoming.read(plain(request), MAX_CALL_BYTES)
    with service.admission.enter():
        reply = await _on_a_thread(service, lambda until: _rank(service, read, body, until))
    note(request.scope, **facts_of(reply))
    service.metrics.search({"rank": reply.elapsed_ms})
    if JSON in request.headers.get("accept", ""):
        return Response(to_json(reply_as_json(reply)), media_type=JSON)
    return Response(encode_reply(reply), media_type=BINARY)


@router.post("/v1/rerank", openapi_extra=RERANK_FORM)
async def rerank_documents(request: Request) -> Response:
    """Order documents, named by their ids, for a query; the shape is Cohere's."""
    service = service_of(request)
    require_key(request, service.key)
    refuse_foreign_page(request, service.settings.service.cors_origins)
    asked = rerank_of_body(await service.incoming.read(plain(request)))
    now_ms = int(time.time() * 1e3)
    with service.admission.enter():
        search, _ = await service.door.searcher(asked.search(), is_logged=False)
        body = await _on_a_thread(
            service, lambda until: rerank(service.engine, asked, search, now_ms, until)
        )
    return Response(to_json(body), media_type=JSON)


async def _on_a_thread(service: Service, work: Callable[[Deadline], T]) -> T:
    """Run native work off the event loop. Raises TimeoutError after service.timeout_ms."""
    until = Deadline.after_ms(service.settings.service.timeout_ms)
    try:
        return await _call(service, work, until)
    except NotOpen as missing:
        await open_missing(service.engine, missing, until)
        return await _call(service, work, until)


async def _call(service: Service, work: Callable[[Deadline], T], until: Deadline) -> T:
    call = asyncio.get_running_loop().run_in_executor(service.engine.rank_threads, work, until)
    return await asyncio.wait_for(call, until.remaining_s())


def _rank(
    service: Service, read: Callable[[bytes], RankCall], body: bytes, until: Deadline
) -> RankReply:
    return rank_in_time(service.engine, read(body), until)
