"""Runs the channels side by side under one deadline. A slow channel costs itself, not the query.

Each lane has places of its own among the threads (crew.py). A timeout frees the query and not the
thread, so where lanes share places a stuck channel takes them all and the healthy ones time out
with it.

One thread is woken for a request and does its lanes one after another, for waking another costs
more than a usual lane takes. Before it begins one that has been slow of late (`SLOW_MS`) it wakes
another for the rest; when all take longer than `PATIENCE_S`, because one is slow today, every lane
that has not begun is given a thread.
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
from itertools import count
from typing import Generic, TypeAlias, TypeVar

from app.domain.candidates import ChannelHits, ChannelStatus
from app.recall.channel import Recalls
from app.recall.crew import Berth, Job, Work, taken
from app.snapshot.context import SearchContext

log = logging.getLogger(__name__)
T = TypeVar("T")

SLOW_MS = 1.0  # one that takes longer does not keep the others waiting
PATIENCE_S = 0.005  # by then the usual request is over, and its timer never wakes the loop
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
        race = _Race(ctx, self._lanes(only), then)
        try:
            return await race.start()
        finally:
            race.stop()

    def asked(self, only: Collection[str] | None = None) -> list[Recalls]:
        """Return the channels that `run` would ask."""
        return [lane.channel for lane in self._lanes(only)]

    def _lanes(self, only: Collection[str] | None) -> Sequence[Lane]:
        return self.lanes if only is None else [lane for lane in self.lanes if lane.name in only]


class _Race(Generic[T]):
    """One request's calls. Only the end of all wakes the event loop: a wake-up costs 50 µs."""

    def __init__(self, ctx: SearchContext, lanes: Sequence[Lane], then: Then[T] | None) -> None:
        self.ctx, self.lanes, self.then = ctx, lanes, then
        self.todo = deque(lanes)  # that no thread has begun
        self.words: dict[str, ChannelHits] = {}  # the first word of each lane
        self.said = count(1)  # numbers the first words: one thread alone gets the last
        self.waiting: deque[tuple[Berth, Job]] = deque()  # what stood in a line, and may still
        self.is_over = False
        self.loop = asyncio.get_running_loop()
        self.over: asyncio.Future[tuple[Hits, T | None]] = self.loop.create_future()
        self.timer: asyncio.TimerHandle | None = None

    @property
    def hits(self) -> Hits:
        """All words, once each lane has said one."""
        words = self.words
        return tuple([words[lane.name] for lane in self.lanes])

    def start(self) -> asyncio.Future[tuple[Hits, T | None]]:
        """Put a thread to work, and make ready to wait while it wakes."""
        if self.lanes:
            self._put_thread()
        else:
            self._settle_from_loop()
        self.started_s = self.loop.time()
        self._come_again(PATIENCE_S)
        return self.over

    def stop(self) -> None:
        """Nobody waits any more, or everything is there: nothing of this stays in a line."""
        self.is_over = True
        self.todo.clear()
        if self.timer is not None:
            self.timer.cancel()
        self._leave_lines()

    def _leave_lines(self) -> None:
        while (stood := taken(self.waiting)) is not None:
            berth, job = stood
            berth.forget(job)

    def _put_thread(self) -> None:
        self.lanes[0].threads.crew.put(self._serve)

    def _serve(self) -> None:
        """Do one lane after another, on a thread of the crew."""
        while (lane := taken(self.todo)) is not None:
            if lane.name in self.words:
                continue  # it was late before it began
            hits = self._unasked(lane)
            if hits is None and lane.threads.enter():
                try:
                    hits = self._found(lane)
                finally:
                    lane.threads.leave()
            if hits is None:
                self._wait(lane.threads, partial(self._call, lane))
            elif self._keep(hits):
                self._settle()

    def _unasked(self, lane: Lane) -> ChannelHits | None:
        """Return the word of a lane that is not asked, None of one that is."""
        try:
            if lane.channel.accepts(self.ctx):
                return None
        except Exception:
            return self._failed(lane)
        return ChannelHits.nothing(lane.name, ChannelStatus.SKIPPED)

    def _found(self, lane: Lane) -> ChannelHits:
        """Ask a channel, in the place taken for it."""
        if self.todo and lane.threads.pace_ms > SLOW_MS:
            self._put_thread()
        started = time.perf_counter()
        try:
            hits = _word(lane, lane.channel.recall(self.ctx, lane.k), started)
        except Exception:
            hits = self._failed(lane, _ms_since(started))
        lane.threads.learn(hits.elapsed_ms)
        return hits

    def _wait(self, berth: Berth, job: Job) -> None:
        """Have it wait in line for as long as anybody waits for it."""
        self.waiting.append((berth, job))
        berth.wait(job)
        if self.is_over:  # `stop` may have looked before it stood in line
            self._leave_lines()

    def _call(self, lane: Lane) -> Work | None:
        """Ask a channel whose turn in line has come."""
        if lane.name in self.words:
            return None  # it was late before it began
        return self._settle if self._keep(self._found(lane)) else None

    def _failed(self, lane: Lane, took_ms: float = 0.0) -> ChannelHits:
        log.exception("recall failed: channel %s, request %s", lane.name, self.ctx.request_id)
        return ChannelHits.nothing(lane.name, ChannelStatus.FAILED, took_ms)

    def _keep(self, hits: ChannelHits) -> bool:
        """Keep the first word of a lane, said on the loop or on a thread. Tells if it ended all."""
        is_first = self.words.setdefault(hits.channel, hits) is hits
        return is_first and next(self.said) == len(self.lanes)

    def _open(self) -> list[Lane]:
        """Return the lanes without a word."""
        return [lane for lane in self.lanes if lane.name not in self.words]

    def _look(self) -> None:
        """Name who is late, give those that wait a thread, come again when the next is due."""
        now_s, ended = self.loop.time() - self.started_s, False
        end_s = now_s + self.ctx.deadline.remaining_s()
        for lane in self._open():
            budget_s = min(lane.timeout_ms / 1e3, end_s)
            if budget_s <= now_s + TICK_S:
                late = ChannelHits.nothing(lane.name, ChannelStatus.TIMED_OUT, budget_s * 1e3)
                ended |= self._keep(late)
        is_open = self._open()
        if end_s <= now_s + TICK_S and not is_open:
            self._conclude(None, None)
        elif ended:
            self._settle_from_loop()
        if not self.over.done():
            for _ in range(len(self.todo)):
                self._put_thread()
            due = [lane.timeout_ms / 1e3 for lane in is_open]
            self._come_again(min([end_s, *due]) - now_s)

    def _come_again(self, after_s: float) -> None:
        self.timer = self.loop.call_later(max(after_s, TICK_S), self._look)

    def _settle(self) -> None:
        """Go on with what follows, all hits being there."""
        if self.then is None:
            self._tell(None, None)
        elif self.then.threads.enter():
            try:
                self._go_on()
            finally:
                self.then.threads.leave()
        else:
            self._wait(self.then.threads, self._go_on)

    def _settle_from_loop(self) -> None:
        if self.then is None:
            self._conclude(None, None)
        else:
            self.then.threads.crew.put(self._settle)

    def _go_on(self) -> None:
        if self.then is None or self.is_over or self.over.done():
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
            self.over.set_result((self.hits, value))


def _word(lane: Lane, found: ChannelHits, started: float) -> ChannelHits:
    """Return what a channel found under its lane's name. Raises for what is no answer."""
    if found.rows.shape != found.scores.shape:
        raise ValueError(f"{found.rows.shape} rows, {found.scores.shape} scores")
    return ChannelHits(
        lane.name, found.rows, found.scores, found.status, _ms_since(started), found.total,
        found.certainty,
    )  # fmt: skip


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1e3
