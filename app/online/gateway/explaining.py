"""POST /v1/explain: why a document is here, why it is missing, why one is above another."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.online.access import require_key
from app.online.gateway.schemas import openapi_of_explain, question_of_body
from app.online.gateway.tracing import EXPLAINED, Tracing
from app.online.json_body import JSON, to_json
from app.online.limits import plain
from app.online.service import service_of
from app.online.telemetry import note
from app.pipeline.relaxed import frame_or_relax
from app.pipeline.serving import Answer, Framed
from app.pipeline.verdicts import laid_out
from app.pipeline.whynot import Verdicts, explain_documents, history_of

router = APIRouter(default_response_class=Response)


@router.post("/v1/explain", openapi_extra=openapi_of_explain())
async def explain(request: Request) -> Response:
    """Say what became of one document in a search, and of a second one beside it."""
    service = service_of(request)
    tracing: Tracing = request.app.state.tracing
    require_key(request, service.key)  # it says how the model works, and takes its time
    asked, ids = question_of_body(await service.incoming.read(plain(request)))
    with service.admission.enter():
        asked, missing = await service.door.searcher(asked, is_logged=False)
        started = time.perf_counter()
        engine = service.engine
        frame = partial(engine.frame, now_ms=int(time.time() * 1e3), missing=missing)
        history = history_of(engine.document_log)
        framed = await frame_or_relax(frame, asked)
        told = await explain_documents(framed, asked.channels, ids, history)
        body = laid_out(told, (time.perf_counter() - started) * 1e3)
        traced = await tracing.keep(_answer(framed, told, body["took_ms"]), EXPLAINED)
        body["degraded"] = traced.result.degraded
    note(request.scope, **{key: body[key] for key in ("request_id", "degraded", "stage")})
    return Response(to_json(body), media_type=JSON)


def _answer(framed: Framed, told: Verdicts, took_ms: float) -> Answer:
    """Return the search that was run, with what is known of why: for its trace."""
    result = replace(told.whole.result, degraded=told.degraded)
    return Answer(
        told.whole.ctx, result, result.timings_ms, took_ms, told.explanation,
        framed.by.assigned, ranker=framed.by.ranker,
    )  # fmt: skip
