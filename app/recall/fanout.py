"""Runs the channels side by side under one deadline. A slow channel costs itself, not the query.

Each lane has places of its own among the threads (crew.py). A timeout frees the query and not the
thread, so where lanes share places a stuck channel takes them all and the healthy ones time out
with it. A thread or two do the lanes of a request one after another; when that takes longer than
`PATIENCE_S`, because one of them is slow, every lane that has not begun is given a thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeAlias, TypeVar

from app.domain.candidates import ChannelHits, ChannelStatus
from app.recall.channel import Recalls
from app.recall.crew import Berth, Job, Work, taken
from app.snapshot.context import SearchContext

log = logging.getLogger(__name__)
T = TypeVar("T")

PATIENCE_S = 0.002  # healthy lanes together are done by then
TICK_S = 0.001  # what the loop's timers are exact to

Hits: TypeAlias = tuple[ChannelHits, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """A channel, its share of the request and its own places among the threads."""

    name: str
    channel: Recalls
    k: int
    timeout_ms: float
    threads: Berth


@dataclass(frozen=True, slots=True)
class Then(Generic[T]):
    """What follows on recall, on the thread of the last channel: no thread is woken for it."""

    work: Callable[[Hits], T]
    threads: Berth


class Fanout:
    """All lanes of one snapshot, on one crew."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self.lanes = tuple(lanes)

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(lane.name for lane in self.lanes)

    async def recall(self, ctx: SearchContext, only: Collection[str] | None = None) -> Hits:
        """Return one entry a lane (of those named), in configuration order, whichever was first."""
        return (await self.run(ctx, only))[0]

    async def run(
        self, ctx: SearchContext, only: Collection[str] | None = None, then: Then[T] | None = None
    ) -> tuple[Hits, T | None]:
        """Recall, and return with the hits what `then` made of them, None where it came too late.

        What `then` raises is raised here.
        """
        lanes = self._lanes(only)
        race: _Race[T] = _Race(ctx, lanes, then)
        try:
            race.start()
            value = await race.over
        finally:
            race.stop()
        return race.hits, value

    def asked(self, only: Collection[str] | None = None) -> list[Recalls]:
        """Return the channels that `run` would ask."""
        return [lane.channel for lane in self._lanes(only)]

    def _lanes(self, only: Collection[str] | None) -> Sequence[Lane]:
        return self.lanes if only is None else [lane for lane in self.lanes if lane.name in only]


class _Race(Generic[T]):
    """One request's calls. Only the end of all wakes the event loop: a wake-up costs 50 µs.

    Threads are woken before anything else is done, so that the rest is done while they wake.
    """

    def __init__(self, ctx: SearchContext, lanes: Sequence[Lane], then: Then[T] | None) -> None:
        self.ctx, self.lanes, self.then = ctx, lanes, then
        self.todo = deque(range(len(lanes)))  # lanes that no thread has begun
        self.calls: list[Job | None] = [None] * len(lanes)  # that may stand in a line
        self.words: dict[int, ChannelHits] = {}  # the first word of each lane
        self.last: deque[bool] = deque([True])  # for who sees all words first
        self.loop = asyncio.get_running_loop()
        self.over: asyncio.Future[T | None] = self.loop.create_future()
        self.started, self.left_s = self.loop.time(), ctx.deadline.remaining_s()
        self.timer: asyncio.TimerHandle | None = None

    @property
    def hits(self) -> Hits:
        """All words, once each lane has said one."""
        return tuple([self.words[slot] for slot in range(len(self.lanes))])

    def start(self) -> None:
        if self.lanes:
            self._put_threads(min(self.lanes[0].threads.crew.width, len(self.lanes)))
        else:
            self._settle(on_crew=False)
        self._come_again(PATIENCE_S)

    def stop(self) -> None:
        """Nobody waits any more, or everything is there: nothing of this stays in a line."""
        self.todo.clear()
        if self.timer is not None:
            self.timer.cancel()
        for lane, call in zip(self.lanes, self.calls, strict=True):
            if call is not None:
                lane.threads.forget(call)
        if self.then is not None:
            self.then.threads.forget(self._go_on)

    def _put_threads(self, count: int) -> None:
        for _ in range(count):
            self.lanes[0].threads.crew.put(self._serve)

    def _serve(self) -> None:
        """Do one lane after another, on a thread of the crew."""
        while (slot := taken(self.todo)) is not None:
            lane = self.lanes[slot]
            try:
                is_asked = lane.channel.accepts(self.ctx)
            except Exception:
                hits = self._failed(lane)
            else:
                if is_asked:
                    self._do(slot, lane)
                    continue
                hits = ChannelHits.nothing(lane.name, ChannelStatus.SKIPPED)
            if self._keep(slot, hits):
                self._settle()

    def _do(self, slot: int, lane: Lane) -> None:
        call = self.calls[slot] = partial(self._call, slot, lane)
        lane.threads.do(call)
        if self.over.done():  # `stop` may have looked before it stood in line
            lane.threads.forget(call)

    def _call(self, slot: int, lane: Lane) -> Work | None:
        self.calls[slot] = None
        if slot in self.words:
            return None  # it was late before it began
        started = time.perf_counter()
        try:
            found = lane.channel.recall(self.ctx, lane.k)
            hits = ChannelHits(
                lane.name, found.rows, found.scores, found.status, _ms_since(started), found.total,
                found.certainty,
            )  # fmt: skip
        except Exception:
            hits = self._failed(lane, _ms_since(started))
        return self._settle if self._keep(slot, hits) else None

    def _failed(self, lane: Lane, took_ms: float = 0.0) -> ChannelHits:
        log.exception("recall failed: channel %s, request %s", lane.name, self.ctx.request_id)
        return ChannelHits.nothing(lane.name, ChannelStatus.FAILED, took_ms)

    def _keep(self, slot: int, hits: ChannelHits) -> bool:
        """Keep the first word of a lane, said on the loop or on a thread. Tells if it ended all."""
        if self.words.setdefault(slot, hits) is not hits:
            return False
        return len(self.words) == len(self.lanes) and taken(self.last) is not None

    def _open(self) -> list[int]:
        """Return the lanes without a word."""
        return [slot for slot in range(len(self.lanes)) if slot not in self.words]

    def _look(self) -> None:
        """Name who is late, give those that wait a thread, come again when the next is due."""
        now_s, ended = self.loop.time() - self.started, False
        for slot in self._open():
            lane, budget_s = self.lanes[slot], self._budget_s(self.lanes[slot])
            if budget_s <= now_s + TICK_S:
                late = ChannelHits.nothing(lane.name, ChannelStatus.TIMED_OUT, budget_s * 1e3)
                ended |= self._keep(slot, late)
        is_open = self._open()
        if self.left_s <= now_s + TICK_S and not is_open:
            self._conclude(None, None)
        elif ended:
            self._settle(on_crew=False)
        if not self.over.done():
            self._put_threads(len(self.todo))
            due = [self._budget_s(self.lanes[slot]) for slot in is_open]
            self._come_again(min(due, default=self.left_s) - now_s)

    def _budget_s(self, lane: Lane) -> float:
        return min(lane.timeout_ms / 1e3, self.left_s)

    def _come_again(self, after_s: float) -> None:
        self.timer = self.loop.call_later(max(after_s, TICK_S), self._look)

    def _settle(self, *, on_crew: bool = True) -> None:
        """Go on with what follows, all hits being there."""
        if self.then is None:
            self._tell(None, None) if on_crew else self._conclude(None, None)
        elif on_crew:
            self.then.threads.do(self._go_on)
        else:
            self.then.threads.put(self._go_on)

    def _go_on(self) -> None:
        if self.then is None or self.over.done():
            return
        try:
            value = self.then.work(self.hits)
        except BaseException as error:
            self._tell(None, error)
        else:
            self._tell(value, None)

    def _tell(self, value: T | None, error: BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self.loop.call_soon_threadsafe(self._conclude, value, error)

    def _conclude(self, value: T | None, error: BaseException | None) -> None:
        if self.over.done():
            return
        if error is not None:
            self.over.set_exception(error)
        else:
            self.over.set_result(value)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1e3
