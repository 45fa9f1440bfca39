"""Runs the channels side by side under one deadline. A slow channel costs itself, not the query.

Each lane owns its threads. A timeout frees the query and not the thread, so in one shared pool a
stuck channel takes every thread and the healthy channels time out with it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

from app.domain.candidates import ChannelHits, ChannelStatus
from app.recall.channel import RecallChannel
from app.snapshot.context import SearchContext

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lane:
    """A channel, its share of the request and its own threads."""

    name: str
    channel: RecallChannel
    k: int
    timeout_ms: float
    threads: Executor


class Fanout:
    """All lanes of one snapshot."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self.lanes = tuple(lanes)

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(lane.name for lane in self.lanes)

    async def recall(
        self, ctx: SearchContext, only: Collection[str] | None = None
    ) -> tuple[ChannelHits, ...]:
        """Return one entry a lane (of those named), in configuration order, whichever was first."""
        lanes = [lane for lane in self.lanes if only is None or lane.name in only]
        race = _Race(asyncio.get_running_loop(), len(lanes))
        for slot, lane in enumerate(lanes):
            if not lane.channel.accepts(ctx):
                race.finish(slot, ChannelHits.nothing(lane.name, ChannelStatus.SKIPPED))
            else:
                budget_s = min(lane.timeout_ms / 1e3, ctx.deadline.remaining_s())
                race.start(slot, lane, ctx, budget_s)
        return await race.results()


class _Race:
    """One request's calls. Only the last arrival wakes the event loop: a wake-up costs 50 µs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lanes: int) -> None:
        self.loop = loop
        self.hits: list[ChannelHits | None] = [None] * lanes
        self.calls: list[Future[None] | None] = [None] * lanes
        self.over = loop.create_future()
        self.budgets: dict[float, list[tuple[int, str]]] = {}

    def start(self, slot: int, lane: Lane, ctx: SearchContext, budget_s: float) -> None:
        self.budgets.setdefault(round(budget_s, 3), []).append((slot, lane.name))
        self.calls[slot] = lane.threads.submit(self._call, slot, lane, ctx)

    def finish(self, slot: int, hits: ChannelHits) -> None:
        """Keep the first word of a lane. Called on the loop and on the lanes' threads."""
        if self.hits[slot] is None:
            self.hits[slot] = hits

    async def results(self) -> tuple[ChannelHits, ...]:
        timers = [
            self.loop.call_later(budget, self._time_out, budget, slots)
            for budget, slots in self.budgets.items()
        ]
        if all(self.hits):
            self._settle()
        await self.over
        for timer in timers:
            timer.cancel()
        return tuple(h for h in self.hits if h is not None)

    def _call(self, slot: int, lane: Lane, ctx: SearchContext) -> None:
        started = time.perf_counter()
        try:
            hits = lane.channel.recall(ctx, lane.k)
            hits = replace(hits, channel=lane.name, elapsed_ms=_ms_since(started))
        except Exception:
            log.exception("recall failed: channel %s, request %s", lane.name, ctx.request_id)
            hits = ChannelHits.nothing(lane.name, ChannelStatus.FAILED, _ms_since(started))
        self.finish(slot, hits)
        if all(self.hits) and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._settle)

    def _time_out(self, budget_s: float, slots: list[tuple[int, str]]) -> None:
        for slot, name in slots:
            call = self.calls[slot]
            if self.hits[slot] is None and call is not None:
                call.cancel()  # one that waits for a thread never needs to start
                self.finish(
                    slot, ChannelHits.nothing(name, ChannelStatus.TIMED_OUT, budget_s * 1e3)
                )
        if all(self.hits):
            self._settle()

    def _settle(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1e3
