"""What orchestrators and dashboards ask: alive, ready, and the metrics."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import NothingServes
from app.online.json_body import JSON, to_json
from app.online.pages import SharedPages
from app.online.service import service_of

router = APIRouter(default_response_class=Response)

QUIET = frozenset({"/livez", "/readyz", "/metrics"})


@router.get("/livez")
async def livez() -> Response:
    """Answer 200 while the process runs."""
    return Response(to_json({"status": "alive"}), media_type=JSON)


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Answer 200 when a verified snapshot serves, 503 before."""
    engine = service_of(request).engine
    serving = engine.acquire()
    if not engine.has_caught_up:
        raise NothingServes("the document log was not read yet; searches lack what came since")
    body = {"status": "ready", "snapshot_id": serving.snapshot.id, "release_id": serving.release_id}
    return Response(to_json(body), media_type=JSON)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Show the metrics in the Prometheus text format."""
    pages: SharedPages | None = request.app.state.pages
    if pages is None:
        page = service_of(request).page(time.monotonic())
    else:
        page = await asyncio.to_thread(pages.whole, time.time())
    return Response(page, media_type=CONTENT_TYPE_LATEST)
