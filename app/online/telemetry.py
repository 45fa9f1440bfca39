"""What a service says of itself: metrics without user data, and one JSON log line a request."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.snapshot.snapshot import Snapshot

log = logging.getLogger("duolu.request")

FACTS = "duolu.facts"
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def write_log_lines_to_stderr() -> None:
    """Send the request lines to standard error as they are: one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


class Metrics:
    """One application's metrics, in a registry of its own: two in a process do not collide."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._ids: Mapping[str, str | None] = {}  # of what serves
        self.requests = self._counter("duolu_requests", "Requests", "route", "status")
        self.seconds = self._histogram("duolu_request_seconds", "Time to answer", "route")
        self.stage_seconds = self._histogram("duolu_stage_seconds", "Time by stage", "stage")
        self.channels = self._counter("duolu_channel", "Calls by status", "channel", "status")
        self.degraded = self._counter("duolu_degraded", "What answers were left out", "reason")
        self.in_flight = self._gauge("duolu_searches_in_flight", "Searches being answered")
        self.limit = self._gauge("duolu_in_flight_limit", "Requests taken on at the same time")
        self.shed = self._counter("duolu_shed", "Requests turned away: too many in flight")
        self._shed = 0
        self.documents = self._gauge("duolu_snapshot_documents", "Documents that serve")
        self.log_seq = self._gauge("duolu_log_seq", "The document log as searches see it")
        self.newer = self._gauge("duolu_overlay_rows", "What is newer than the snapshot", "kind")
        self.visible_seconds = self._histogram(
            "duolu_visible_seconds", "From accepting a change to showing it, of each view's oldest"
        )
        self.versions = self._gauge(
            "duolu_versions_info", "What serves", "snapshot_id", "tables_id", "release_id"
        )
        self.refused = self._gauge("duolu_refused_info", "What does not serve", "artifact")
        self.scored_by = self._gauge(
            "duolu_scored_by_info", "What scores a release's trees", "release_id", "scorer"
        )
        self.swaps = self._counter("duolu_swaps", "Changes of what serves", "artifact")

    def releases(self, refused: Iterable[str], scored_by: Mapping[str, str]) -> None:
        """Say which artifacts are refused, and what scores each release that is open."""
        self.refused.clear()
        for artifact in refused:
            self.refused.labels(artifact).set(1)
        self.scored_by.clear()
        for release_id, scorer in scored_by.items():
            self.scored_by.labels(release_id, scorer).set(1)

    def view(self, view: Snapshot) -> None:
        """Say what searches see beside the snapshot itself."""
        self.log_seq.set(view.log_seq)
        overlay = view.overlay
        for kind in ("rows", "dead", "patched"):
            self.newer.labels(kind).set(0 if overlay is None else getattr(overlay, kind).size)

    def serving(self, documents: int, **ids: str | None) -> None:
        """Say what serves now; the versions before leave the page."""
        self.documents.set(documents)
        for name, value in ids.items():
            if self._ids.get(name, value) != value:
                self.swaps.labels(name.removesuffix("_id")).inc()
        self._ids = ids
        self.versions.clear()
        self.versions.labels(**{name: value or "" for name, value in ids.items()}).set(1)

    def load(self, in_flight: int, limit: int, shed: int) -> None:
        """Say how many requests are in flight, how many may be, and how many were turned away."""
        self.in_flight.set(in_flight)
        self.limit.set(limit)
        self.shed.inc(shed - self._shed)
        self._shed = shed

    def request(self, route: str, status: int, seconds: float) -> None:
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def search(
        self,
        timings_ms: Mapping[str, float],
        channels: Mapping[str, str],
        degraded: tuple[str, ...],
    ) -> None:
        """Count one search: time by stage, status by channel, what was left out."""
        for stage, elapsed_ms in timings_ms.items():
            self.stage_seconds.labels(stage).observe(elapsed_ms / 1e3)
        for channel, status in channels.items():
            self.channels.labels(channel, status).inc()
        for reason in degraded:
            self.degraded.labels(reason).inc()

    def page(self) -> bytes:
        """Render in the Prometheus text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=SECONDS)


def note(scope: Scope, **facts: Any) -> None:
    """Add facts to the log line of this request. No query text, no user."""
    scope.setdefault(FACTS, {}).update(facts)


class RequestLog:
    """ASGI middleware: counts, times and logs every request, whatever became of it."""

    def __init__(self, app: ASGIApp, metrics: Metrics, quiet: frozenset[str]) -> None:
        self.app = app
        self.metrics = metrics
        self.quiet = quiet  # routes that are asked every few seconds: counted, not logged

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        scope[FACTS] = {}

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            self._finish(scope, status, time.perf_counter() - started)

    def _finish(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self.metrics.request(route, status, seconds)
        if route in self.quiet and status < 400:
            return
        line = {
            "ts_ms": time.time_ns() // 1_000_000,
            "method": scope["method"],
            "route": route,
            "status": status,
            "elapsed_ms": round(seconds * 1e3, 3),
            **scope[FACTS],
        }
        log.info(orjson.dumps(line, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode())
