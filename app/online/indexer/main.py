"""The indexer's factory: health and metrics over work that goes on in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Protocol

from fastapi import APIRouter, FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from app.online.json_body import JSON, to_json
from app.online.metrics import new_registry
from app.online.problems import RETRY, Problem, install
from app.online.protocol import HttpProtocol
from app.online.service import Background

DESCRIPTION = "Folds changes of documents into new snapshots. One of all that run works at a time."

router = APIRouter(default_response_class=Response)


class Status(Protocol):
    """What an indexer says of itself."""

    @property
    def holds_lease(self) -> bool: ...

    @property
    def is_folding(self) -> bool: ...

    @property
    def problem(self) -> str | None: ...


def create_app(work: Sequence[Background], status: Callable[[], Status]) -> FastAPI:
    """Serve health, and run the work meanwhile."""
    app = FastAPI(
        title="Duolu indexer", version="1", description=DESCRIPTION, lifespan=_lifespan(work)
    )
    app.state.status, app.state.protocol = status, HttpProtocol
    app.state.metrics = _metrics(status)
    install(app)
    app.include_router(router)
    return app


@router.get("/livez")
async def livez() -> Response:
    """Answer 200 while the process runs."""
    return Response(to_json({"status": "alive"}), media_type=JSON)


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Answer 200 while it works or stands by, 503 while something is in its way."""
    status: Status = request.app.state.status()
    if status.problem is not None:
        raise Problem(503, "unavailable", status.problem, RETRY)
    body = {
        "status": "ready", "holds_lease": status.holds_lease, "is_folding": status.is_folding,
    }  # fmt: skip
    return Response(to_json(body), media_type=JSON)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Show the metrics in the Prometheus text format."""
    return Response(generate_latest(request.app.state.metrics), media_type=CONTENT_TYPE_LATEST)


def _metrics(status: Callable[[], Status]) -> CollectorRegistry:
    registry = new_registry("indexer")
    claims: dict[str, tuple[str, Callable[[], bool]]] = {
        "duolu_indexer_holds_lease": ("It is the one that works", lambda: status().holds_lease),
        "duolu_indexer_folding": ("A compaction is under way", lambda: status().is_folding),
        "duolu_indexer_failing": ("Something is in its way", lambda: bool(status().problem)),
    }
    for name, (text, claim) in claims.items():
        Gauge(name, text, registry=registry).set_function(partial(_as_number, claim))
    return registry


def _as_number(claim: Callable[[], bool]) -> float:
    return float(claim())


def _lifespan(work: Sequence[Background]) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for one in work:
            one.start()
        try:
            yield
        finally:
            for one in reversed(work):
                await asyncio.to_thread(one.close)

    return lifespan
