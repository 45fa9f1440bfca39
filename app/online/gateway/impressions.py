"""The gateway's impression log: the only place that says that a search was shown to somebody.

Searches of the command line, of evaluation and of replay do not come by here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from prometheus_client import Counter

from app.corpus.impression_writer import DROPPED, WRITTEN, ImpressionWriter, WriterLimits
from app.online.service import Service
from app.pipeline.impressions import Seen, impression_of, seen_of
from app.pipeline.serving import Answer
from app.pipeline.shadow import OUTCOMES, Shadow
from app.query.understand import SearchRequest
from app.rank.ranker import Keep
from app.rank.shadow import ShadowRanker
from app.settings.kept import ImpressionSettings

BEST = 50
"""A ranker elsewhere returns the features of so many best: a page that goes further is flagged."""


@dataclass(frozen=True, slots=True)
class ImpressionLog:
    """What to ask of the ranker, and where to leave what was served."""

    keep: Keep
    writer: ImpressionWriter[Seen]
    shadow: Shadow | None  # scores what was served before it is written down

    def served(self, asked: SearchRequest, answer: Answer) -> None:
        """Log an answer that is about to be sent. Never waits and never fails."""
        if self.keep.chooses(answer.ctx.request_id):
            arm = str(answer.assigned) if answer.assigned else None
            seen = seen_of(answer.ctx, answer.result, asked.radius_km, asked.filters, arm)
            if self.shadow is None or not self.shadow.offer(seen):
                self.writer.offer(seen, seen.nbytes)


def attach(service: Service) -> ImpressionLog | None:
    """Make the log, to be started and closed with the service; None where it is switched off."""
    settings = service.settings.impressions
    if not settings.enabled:
        return None
    # Twice the sample, for some of what is drawn before ranking will turn out to be shown.
    keep = Keep(BEST, 2 * settings.unshown, settings.sample)
    writer: ImpressionWriter[Seen] = ImpressionWriter(
        service.engine.stores.impressions,
        lambda seen: impression_of(seen, keep, settings.unshown),
        _limits(settings),
        lambda: time.time_ns() // 1_000_000,
        _Outcomes(service),
        service.door.pseudonyms.loggable,
    )
    service.background.append(writer)
    return ImpressionLog(keep, writer, _shadow(service, writer))


def _shadow(service: Service, writer: ImpressionWriter[Seen]) -> Shadow | None:
    """Make the shadow that the configuration names. It ends before the writer does."""
    settings, choosing = service.settings.rank, service.engine.choosing
    if settings.shadow is None:
        return None
    remote = choosing.remote.again() if choosing.remote else None
    outcomes = Counter(
        "duolu_shadow", "Searches by what became of them", ["outcome"],
        registry=service.metrics.registry,
    )  # fmt: skip
    for outcome in OUTCOMES:
        outcomes.labels(outcome)
    shadow = Shadow(
        ShadowRanker(settings.shadow, choosing.standby, remote),
        lambda seen: writer.offer(seen, seen.nbytes),
        settings.shadow_queue,
        lambda outcome: outcomes.labels(outcome).inc(),
    )
    service.background.append(shadow)
    return shadow


def _limits(settings: ImpressionSettings) -> WriterLimits:
    return WriterLimits(
        flush_s=settings.flush_seconds,
        max_queue=settings.max_queue,
        retention_days=settings.retention_days,
    )


class _Outcomes:
    """Counts on the metrics page what became of impressions."""

    def __init__(self, service: Service) -> None:
        registry = service.metrics.registry
        self._written = Counter("duolu_impressions_written", "Impressions", registry=registry)
        self._dropped = Counter(
            "duolu_impressions_dropped", "Impressions lost", ["reason"], registry=registry
        )
        for reason in DROPPED:
            self._dropped.labels(reason)

    def __call__(self, outcome: str, count: int) -> None:
        counter = self._written if outcome == WRITTEN else self._dropped.labels(outcome)
        counter.inc(count)
