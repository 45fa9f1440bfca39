"""What every service of ours is: routes over one engine, told apart by what they answer."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from app.bootstrap import Engine
from app.corpus.identity import Identities
from app.corpus.pseudonyms import Pseudonyms
from app.online import admin, health
from app.online.access import refuse_open_host
from app.online.admission import Admission
from app.online.bypass import Bypass
from app.online.direct import Direct
from app.online.door import Door
from app.online.following import PUBLISH_EVERY_S, LogFollower
from app.online.heads import Heads
from app.online.metrics import Metrics
from app.online.pages import SharedPages
from app.online.problems import install
from app.online.protocol import HttpProtocol
from app.online.service import Service
from app.online.telemetry import RequestLines, RequestLog, write_log_lines_to_stderr
from app.online.threaded import Answers
from app.settings import Settings

log = logging.getLogger(__name__)

REFRESH_EVERY_S = 0.25
SHUTDOWN_S = 10
TURN_S = (
    0.0005  # Python's 5 ms are longer than most searches: one thread must not hold up an answer
)
LATE = 0.8  # of what callers wait


def create(
    engine: Engine,
    settings: Settings,
    key: str | None,
    routers: Sequence[APIRouter],
    name: str,
    title: str,
    description: str,
    patience_ms: float,
    direct: Collection[str],
    read_log_every_s: float = PUBLISH_EVERY_S,
) -> FastAPI:
    """Wire one service: its own routes, administration, health, metrics and problem details.

    `name` stands in metrics and log lines. `patience_ms`: how long its callers wait; what takes
    most of that is late. `direct`: the paths that skip the framework. `read_log_every_s`: how far
    behind the document log it may be.
    """
    admission = Admission(settings.service.max_concurrent, LATE * patience_ms / 1e3)
    identities = Identities.open(engine.stores.data, settings.store.address)
    door = Door(Pseudonyms(identities, time.monotonic))
    service = Service(engine, settings, key or None, admission, door, Metrics(name))
    service.background.append(door)
    app = FastAPI(
        title=title, version="1", description=description, redirect_slashes=False,
        lifespan=_lifespan(service),
    )  # fmt: skip
    app.state.service = service
    app.state.pages = None
    app.state.protocol = HttpProtocol
    service.background.append(LogFollower(engine, service.metrics, read_log_every_s))
    install(app)
    for router in (*routers, admin.router, health.router):
        app.include_router(router)
    if settings.service.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.service.cors_origins)
    app.add_middleware(Direct, owner=app, routers=routers, paths=direct)
    app.add_middleware(RequestLog, lines=RequestLines(name, service.metrics, health.QUIET))
    app.add_middleware(Heads)
    return app


def bypass(app: FastAPI, name: str, answers: Callable[[Service], Answers]) -> None:
    """Answer some calls of a service past its event loop, see Bypass."""
    service: Service = app.state.service
    lines = RequestLines(name, service.metrics, health.QUIET)
    app.state.protocol = Bypass(answers(service), lines).protocol


def share_page(app: FastAPI, file: Path) -> None:
    """Show the metrics of all workers, of which this one's are in `file`."""
    service: Service = app.state.service
    app.state.pages = SharedPages(file, lambda: service.page(time.monotonic()))
    service.background.append(app.state.pages)


def run(app: FastAPI, host: str, port: int, key: str | None, fd: int | None = None) -> None:
    """Serve until told to stop; on the listening socket `fd` where one is handed down.

    Refuses an open host without a key.
    """
    refuse_open_host(host, key)
    write_log_lines_to_stderr()
    sys.setswitchinterval(TURN_S)
    uvicorn.run(
        app, host=host, port=port, fd=fd, access_log=False, log_level="warning",
        server_header=False, http=app.state.protocol,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )  # fmt: skip


def _lifespan(service: Service) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(service.measure_disk)
        service.describe()
        refreshing = asyncio.create_task(_keep_fresh(service))
        for work in service.background:
            work.start()
        try:
            yield
        finally:
            refreshing.cancel()
            for work in reversed(service.background):
                await asyncio.to_thread(work.close)
            await service.engine.disconnect()

    return lifespan


def _refresh(service: Service) -> None:
    service.measure_disk()
    service.engine.refresh()


async def _keep_fresh(service: Service) -> None:
    """Take up what was published, within a second. What cannot be opened leaves the old serving."""
    while True:
        await asyncio.sleep(REFRESH_EVERY_S)
        try:
            await asyncio.to_thread(_refresh, service)
        except Exception:
            log.exception("refresh failed; what served goes on serving")
        service.describe()
