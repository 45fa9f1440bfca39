"""One JSON log line a request, without user data, and the times of its answer as a header."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.online.metrics import Metrics

log = logging.getLogger("duolu.request")

FACTS = "duolu.facts"
Facts: TypeAlias = dict[str, Any]


def write_log_lines_to_stderr() -> None:
    """Send the request lines to standard error as they are: one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


def note(scope: Scope, **facts: Any) -> None:
    """Add facts to the log line of this request. No query text, no user."""
    scope.setdefault(FACTS, {}).update(facts)


@dataclass(frozen=True, slots=True)
class RequestLines:
    """Where requests are counted and logged, whoever answered them. From any thread."""

    name: str  # of the service
    metrics: Metrics
    quiet: frozenset[str]  # routes that are asked every few seconds: counted, not logged

    def write(
        self, method: str, route: str, status: int, seconds: float, sent: int, facts: Facts
    ) -> None:
        self.metrics.request(route, status, seconds)
        if route in self.quiet and status < 400:
            return
        line = {
            "ts_ms": time.time_ns() // 1_000_000,
            "service": self.name,
            "pid": os.getpid(),
            "method": method,
            "route": route,
            "status": status,
            "elapsed_ms": round(seconds * 1e3, 3),
            "sent_bytes": sent,
            **({} if status < 500 else {"problem": "internal-error"}),  # unless a fact names it
            **facts,
        }
        log.info(orjson.dumps(line, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode())


class RequestLog:
    """ASGI middleware: counts, times and logs every request, whatever became of it."""

    def __init__(self, app: ASGIApp, lines: RequestLines) -> None:
        self.app = app
        self.lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, sent = time.perf_counter(), 500, 0
        scope[FACTS] = {}

        async def watch(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                times = server_timing(scope[FACTS], time.perf_counter() - started)
                message["headers"] = [*message["headers"], (b"server-timing", times)]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            seconds = time.perf_counter() - started
            self.lines.write(scope["method"], route, status, seconds, sent, scope[FACTS])


def server_timing(facts: Mapping[str, Any], seconds: float) -> bytes:
    """Return the header's value: each stage of the answer and the whole, in milliseconds."""
    stages = {**facts.get("timings_ms", {}), "total": seconds * 1e3}
    return ", ".join(f"{name};dur={ms:.3f}" for name, ms in stages.items()).encode()
