"""What a service counts of itself, in base units. No label names a person or a query.

docs/observability.md lists every metric; a test compares it with the registries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from app.domain.candidates import ChannelHits, ChannelStatus
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import built_ms

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Ends of the buckets of whole requests."""

PART_SECONDS = (0.0001, 0.0002, 0.0005, *SECONDS[:10])
"""And of their parts."""

ORDERS = ("ranked", "fused", "sorted", "cursor")
"""What chose the order of an answer: a model, the merge, the request, the page before."""


FOUND = 256
"""Labelled metrics that are kept at hand, of stages and of channels."""


def new_registry(service: str) -> CollectorRegistry:
    """Make a service's registry, with what its process takes of the machine."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    build = Gauge("duolu_build_info", "What runs", ["version", "service"], registry=registry)
    build.labels(version("duolu"), service).set(1)
    return registry


class Metrics:
    """One application's metrics, in a registry of its own: two in a process do not collide."""

    def __init__(self, service: str) -> None:
        self.registry = new_registry(service)
        self._ids: Mapping[str, str | None] = {}  # of what serves
        self._told: tuple[tuple[str, ...], dict[str, str]] = ((), {})  # see releases()
        self._shed = 0
        self._ends_s: dict[str, float] = {}  # log → when it was last read to its end
        self._define_requests()
        self._define_searches()
        self._define_versions()

    def _define_requests(self) -> None:
        self.requests = self._counter("duolu_requests", "Requests", "route", "status")
        self.seconds = self._histogram("duolu_request_seconds", "Time to answer", SECONDS, "route")
        self.in_flight = self._gauge("duolu_searches_in_flight", "Searches being answered")
        self.limit = self._gauge("duolu_in_flight_limit", "Requests taken on at the same time")
        self.shed = self._counter("duolu_shed", "Requests turned away: too many in flight")

    def _define_searches(self) -> None:
        self.searches = self._counter("duolu_searches", "Answers by what ordered them", "order")
        for order in ORDERS:
            self.searches.labels(order)
        self.empty = self._counter("duolu_searches_empty", "Answers without a result")
        self.stage_seconds = self._histogram(
            "duolu_stage_seconds", "Time by stage", PART_SECONDS, "stage"
        )
        self.channels = self._counter("duolu_channel", "Calls by status", "channel", "status")
        self.channel_seconds = self._histogram(
            "duolu_channel_seconds", "Time of a channel that was asked", PART_SECONDS, "channel"
        )
        self.channel_hits = self._counter("duolu_channel_hits", "Rows it found", "channel")
        self.degraded = self._counter("duolu_degraded", "What answers were left out", "reason")
        # A search counts some thirty of these: found again, each takes a tenth of the time.
        self._of_stage = lru_cache(FOUND)(self.stage_seconds.labels)
        self._of_status = lru_cache(FOUND)(self.channels.labels)
        self._of_channel = lru_cache(FOUND)(
            lambda name: (self.channel_seconds.labels(name), self.channel_hits.labels(name))
        )

    def _define_versions(self) -> None:
        self.ready = self._gauge("duolu_ready", "A verified snapshot serves, with all changes")
        self.documents = self._gauge("duolu_snapshot_documents", "Documents that serve")
        self.log_seq = self._gauge("duolu_log_seq", "The document log as searches see it")
        self.newer = self._gauge("duolu_overlay_rows", "What is newer than the snapshot", "kind")
        self.visible_seconds = self._histogram(
            "duolu_visible_seconds", "From accepting a change to showing it, of each view's oldest",
            SECONDS,
        )  # fmt: skip
        self.log_lag = self._gauge(
            "duolu_log_lag_seconds", "Since a log was last read to its end", "log"
        )
        self.versions = self._gauge(
            "duolu_versions_info", "What serves", "snapshot_id", "tables_id", "release_id"
        )
        self.created = self._gauge(
            "duolu_created_timestamp_seconds", "When what serves was made", "artifact"
        )
        self.refused = self._gauge("duolu_refused_info", "What does not serve", "artifact")
        self.scored_by = self._gauge(
            "duolu_scored_by_info", "What scores a release's trees", "release_id", "scorer"
        )
        self.swaps = self._counter("duolu_swaps", "Changes of what serves", "artifact")
        self.breaker = self._gauge("duolu_ranker_breaker_open", "The ranker service is not asked")
        self.free_bytes = self._gauge("duolu_data_free_bytes", "Left on the disk of the data")
        self.disk_bytes = self._gauge("duolu_data_disk_bytes", "Size of the disk of the data")

    def releases(self, refused: Iterable[str], scored_by: Mapping[str, str]) -> None:
        """Say which artifacts are refused, and what scores each release that is open."""
        told = tuple(refused), dict(scored_by)
        if told == self._told:  # a page that is rendered meanwhile lacks nothing
            return
        self._told = told
        self.refused.clear()
        for artifact in told[0]:
            self.refused.labels(artifact).set(1)
        self.scored_by.clear()
        for release_id, scorer in told[1].items():
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
        if ids == self._ids:
            return
        self._ids = ids
        self.created.clear()
        self.versions.clear()
        self.versions.labels(**{name: value or "" for name, value in ids.items()}).set(1)
        for name, value in ids.items():
            if value and (made_ms := built_ms(value)):
                self.created.labels(name.removesuffix("_id")).set(made_ms / 1e3)

    def load(self, in_flight: int, limit: int, shed: int) -> None:
        """Say how many requests are in flight, how many may be, and how many were turned away."""
        self.in_flight.set(in_flight)
        self.limit.set(limit)
        self.shed.inc(shed - self._shed)
        self._shed = shed

    def reached_end(self, log: str, now_s: float) -> None:
        """Note that a log was read to its end. `now_s` is any monotonic clock, always the same."""
        self._ends_s[log] = now_s

    def lags(self, now_s: float) -> None:
        """Say how long ago each log was read to its end."""
        for log, end_s in tuple(self._ends_s.items()):
            self.log_lag.labels(log).set(max(now_s - end_s, 0.0))

    def request(self, route: str, status: int, seconds: float) -> None:
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def answered(self, order: str, results: int) -> None:
        """Count one answer by what ordered it, one of ORDERS."""
        self.searches.labels(order).inc()
        if not results:
            self.empty.inc()

    def search(
        self,
        timings_ms: Mapping[str, float],
        hits: Sequence[ChannelHits] = (),
        degraded: Iterable[str] = (),
    ) -> None:
        """Count what one search took: time by stage and channel, and what was left out."""
        for stage, elapsed_ms in timings_ms.items():
            self._of_stage(stage).observe(elapsed_ms / 1e3)
        for hit in hits:
            self._of_status(hit.channel, str(hit.status)).inc()
            if hit.status is not ChannelStatus.SKIPPED:
                seconds, found = self._of_channel(hit.channel)
                seconds.observe(hit.elapsed_ms / 1e3)
                found.inc(hit.rows.size)
        for reason in degraded:
            self.degraded.labels(reason).inc()

    def page(self) -> bytes:
        """Render in the Prometheus text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=buckets)
