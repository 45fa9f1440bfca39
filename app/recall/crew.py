"""Threads that many lanes share, of which each lane holds at most its own number at once.

    a stuck lane         holds its own places and no others: the rest stay free, as with own threads
    a request's lanes    are done one after another by one thread, not by one thread each

Whether a channel is asked at all (`accepts`) is told without a place, so that a stuck lane is late
only where it was asked. That must neither wait nor compute: nothing bounds the threads it holds.

Waking a thread that sleeps takes 20 to 50 µs, as long as many a channel needs, and all threads of a
process take turns at Python. There are as many threads as places, so that whoever holds a place has
a thread. (A bulkhead with semaphores: Nygard, Release It!, 2nd ed. 2018, ch. 5.)
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import ParamSpec, TypeAlias, TypeVar

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

PACE_STEP_MS = 0.1

Work: TypeAlias = Callable[[], None]
"""What a thread of the crew does. It catches what it may raise."""

Job: TypeAlias = Callable[[], Work | None]
"""Work for which a place is held; returns what the thread shall do once the place is free."""


class Crew:
    """The threads. They start with the first work; `close` ends them."""

    def __init__(self, places: Mapping[str, int]) -> None:
        """Hold `places[name]` of each berth."""
        self.berths = {name: Berth(self, size) for name, size in places.items()}
        self._size = sum(places.values())
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()

    def put(self, work: Work) -> None:
        """Have a thread do it, in the order of arrival."""
        if not self._threads:
            self._start()
        self._work.put(work)

    def close(self, *, wait: bool = False) -> None:
        """Let the threads end after what is queued. Those that are stuck end with the process."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _start(self) -> None:
        with self._starting:
            if not self._threads:
                threads = [
                    threading.Thread(target=self._serve, name=f"crew-{i}", daemon=True)
                    for i in range(self._size)
                ]
                for thread in threads:
                    thread.start()
                self._threads = threads

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except BaseException:  # a thread that ends leaves its place without one for good
                log.exception("work of the crew failed")
            del work  # holds a request's arrays until the next one comes


class Berth(Executor):
    """At most `size` threads of the crew at once; who comes later waits in line, on no thread."""

    def __init__(self, crew: Crew, size: int) -> None:
        self.crew = crew
        self.pace_ms = 0.0  # what a call takes, at the least of late
        self._free: deque[bool] = deque([True] * size)
        self._line: deque[Job] = deque()

    def enter(self) -> bool:
        """Take a place, where one is free and nobody stands in line."""
        return not self._line and taken(self._free) is not None

    def leave(self) -> None:
        """Give the place back. The line is looked at after that: nothing waits for a free place."""
        self._free.append(True)
        if self._line:
            self.crew.put(self._next)

    def wait(self, job: Job) -> None:
        """Stand in line: a thread of the crew does it once a place is free, this one if one is."""
        self._line.append(job)
        self._next()

    def put(self, job: Job) -> None:
        """Do it on some thread of the crew."""
        self.crew.put(partial(self.wait, job))

    def forget(self, job: Job) -> None:
        """Take it out of the line, if it is still there.

        Asked first, for `remove` writes what it does not find into its error: a lane's arrays.
        """
        if job in self._line:
            with suppress(ValueError):  # begun since
                self._line.remove(job)

    def learn(self, took_ms: float) -> None:
        """Have `pace_ms` fall at once and rise a step: a busy machine makes nothing slow."""
        risen = self.pace_ms + PACE_STEP_MS
        self.pace_ms = took_ms if took_ms < risen else risen

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call it on a thread of the crew, as any executor does."""
        future: Future[T] = Future()

        def job() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)

        self.put(job)
        return future

    def _next(self) -> None:
        """Do what is first in line, if a place is free: else whoever leaves one sees to it."""
        if taken(self._free) is None:
            return
        try:
            job = taken(self._line)
            after = None if job is None else job()
        finally:
            self.leave()
        if after is not None:
            after()


def taken(line: deque[T]) -> T | None:
    """Take the first, None where there is none: atomic, so that each is taken once."""
    try:
        return line.popleft()
    except IndexError:
        return None
