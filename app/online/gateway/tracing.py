"""Keeps traces of searches, and GET /v1/trace/{request_id} that shows them.

A sampled search is traced after its answer has gone; what was asked for is kept before.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import zlib
from dataclasses import dataclass, field, replace

from fastapi import APIRouter
from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import Response

from app.corpus.trace_files import FOLDER, TraceFiles
from app.domain.query import Deadline
from app.online.access import require_key
from app.online.json_body import JSON, to_json
from app.online.problems import Problem
from app.online.service import Service, service_of
from app.pipeline.explain import explain_places
from app.pipeline.serving import Answer
from app.pipeline.trace import trace_of

log = logging.getLogger(__name__)

router = APIRouter(default_response_class=Response)

SAMPLED, ASKED, EXPLAINED = "sampled", "asked", "explained"
KEPT, BUSY, FAILED = "kept", "busy", "failed"
OUTCOMES = (KEPT, BUSY, FAILED)

AT_ONCE = 4
"""Sampled traces that are made at the same time; more are let go."""

PATIENCE_MS = 1_000.0
"""For what each feature adds, where the answer did not say it; less where somebody waits."""

EXPLAINED_RESULTS = 10
PRUNE_EVERY_S = 30.0


@dataclass(slots=True)
class Tracing:
    """One process's traces. `start`, then `close`."""

    files: TraceFiles
    share: float  # of searches
    outcomes: Counter
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _ending: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        threading.Thread(target=self._prune, name="traces", daemon=True).start()

    def close(self) -> None:
        self._ending.set()

    def samples(self, request_id: str) -> bool:
        """Tell whether a search is one of the sample: by its id, others than of impressions."""
        return zlib.crc32(request_id.encode(), 0x7ACE) < self.share * 2**32

    def offer(self, answer: Answer) -> None:
        """Trace a search of the sample, beside others. Never waits and never fails."""
        if not self.samples(answer.ctx.request_id):
            return
        if len(self._tasks) >= AT_ONCE:
            self.outcomes.labels(BUSY).inc()
            return
        task = asyncio.get_running_loop().create_task(self._trace(answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def keep(self, answer: Answer, why: str) -> Answer:
        """Keep a search's trace; `degraded` of what is returned says where that failed."""
        try:
            await asyncio.to_thread(self._write, await _explained(answer, why), why)
        except Exception as error:
            log.warning("no trace of request %s: %r", answer.ctx.request_id, error)
            self.outcomes.labels(FAILED).inc()
            degraded = (*answer.result.degraded, "trace:failed")
            return replace(answer, result=replace(answer.result, degraded=degraded))
        self.outcomes.labels(KEPT).inc()
        return answer

    async def _trace(self, answer: Answer) -> None:
        await self.keep(answer, SAMPLED)

    def _write(self, answer: Answer, why: str) -> None:
        self.files.write(answer.ctx.request_id, to_json(trace_of(answer, why)))

    def _prune(self) -> None:
        while True:
            self.files.prune(time.time())
            if self._ending.wait(PRUNE_EVERY_S):
                return


async def _explained(answer: Answer, why: str) -> Answer:
    """Add what each feature adds to the first results, where a model ranked them.

    Where somebody waits for the answer this takes no longer than the request still may.
    """
    if answer.explanation is not None:
        return answer
    patience = Deadline.after_ms(PATIENCE_MS)
    if why != SAMPLED:
        patience = min(patience, answer.ctx.deadline, key=lambda one: one.at_ns)
    ctx = replace(answer.ctx, deadline=patience)
    places = answer.result.picked[:EXPLAINED_RESULTS]
    explanation, _ = await explain_places(ctx, answer.result, answer.ranker, places)
    return replace(answer, explanation=explanation)


def attach(service: Service) -> Tracing:
    """Make the traces of a service, to be started and closed with it."""
    settings = service.settings.trace
    outcomes = Counter(
        "duolu_traces", "Traces by what became of them", ["outcome"],
        registry=service.metrics.registry,
    )  # fmt: skip
    for outcome in OUTCOMES:
        outcomes.labels(outcome)
    folder = service.engine.stores.data / FOLDER
    files = TraceFiles(folder, settings.keep, settings.keep_minutes * 60)
    tracing = Tracing(files, settings.share, outcomes)
    service.background.append(tracing)
    return tracing


@router.get("/v1/trace/{request_id}")
async def show_trace(request: Request, request_id: str) -> Response:
    """Show a search stage by stage: one that was sampled, or that asked to be kept."""
    service = service_of(request)
    require_key(request, service.key)
    tracing: Tracing = request.app.state.tracing
    found = await asyncio.to_thread(tracing.files.read, request_id, time.time())
    if found is None:
        raise _not_kept(request_id, tracing.files)
    return Response(found, media_type=JSON)


def _not_kept(request_id: str, files: TraceFiles) -> Problem:
    minutes = f"{files.keep_s / 60:g} minutes"
    return Problem(
        404, "unknown-name", f"no trace of request {request_id[:80]!r} is kept",
        field="request_id", value=request_id[:80],
        limit=f"the last {files.keep} traces, each for {minutes}",
        remedy="search again with trace = true, or raise trace.share",
    )  # fmt: skip
