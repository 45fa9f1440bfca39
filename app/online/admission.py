"""How many requests one process answers at the same time: as many as it can in time, not more.

What is beyond is turned away at once, for a queue would only make everybody late. The limit finds
itself by additive increase and multiplicative decrease, as TCP's window does (Chiu & Jain 1989; for
services: Netflix's concurrency-limits, AIMDLimit): a round of requests in time adds one place, one
that was late takes a fifth of those that were in use. Who was late all but alone takes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LEAST = 4
BACKOFF = 0.8


class Overloaded(Exception):
    """More work is in flight than this process takes on."""

    def __init__(self, limit: int, what: str = "requests") -> None:
        self.field, self.value = "service.max_concurrent", str(limit)
        self.limit = f"{limit} {what} at the same time"
        self.remedy = "try again in a second"
        super().__init__(f"this process answers {self.limit} in time; {self.remedy}")


class Budget:
    """Counts bytes of bodies in flight, so that many large ones do not fill the memory."""

    def __init__(self, most: int, what: str) -> None:
        self.most = most
        self.what = what
        self.in_flight = 0

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Hold so many bytes; alone, any number. Raises Overloaded at once."""
        if self.in_flight and self.in_flight + size > self.most:
            raise Overloaded(self.most, f"bytes of {self.what}")
        self.in_flight += size
        try:
            yield
        finally:
            self.in_flight -= size


class Admission:
    """Counts work in flight. Any thread may enter."""

    def __init__(
        self,
        most: int,
        target_s: float | None = None,
        what: str = "requests",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`target_s`: what takes longer was late. None: nothing is, and the limit stays `most`."""
        self.most = most
        self.target_s = target_s
        self.what = what
        self.limit = float(most)
        self.in_flight = 0
        self.shed = 0  # turned away so far
        self._clock = clock
        self._lowered_s = -1.0
        self._counting = threading.Lock()

    def enter(self) -> Place:
        """Hold one place for work, not while a caller sends: `with admission.enter():`.

        Whoever begins that beyond the limit raises Overloaded at once.
        """
        return Place(self)

    def take(self) -> tuple[float, int]:
        """Count one in. Return when that was, and how many are in flight with it.

        Raises Overloaded.
        """
        with self._counting:
            if self.in_flight >= int(self.limit):
                self.shed += 1
                raise Overloaded(int(self.limit), self.what)
            self.in_flight += 1
            return self._clock(), self.in_flight

    def leave(self, place: Place, is_late: bool) -> None:
        """Count it out, and learn from how long it took."""
        with self._counting:
            self.in_flight -= 1
            if self.target_s is not None:
                self._learn(place, self._clock(), is_late, self.target_s)

    def _learn(self, place: Place, now_s: float, is_late: bool, target_s: float) -> None:
        least = min(LEAST, self.most)
        if is_late or now_s - place.started_s > target_s:
            # So few beside it did not make it late; and once a round, not once a request of it.
            if place.beside > least and place.started_s > self._lowered_s:
                self.limit = max(least, min(self.limit, place.beside) * BACKOFF)
                self._lowered_s = now_s
        elif (self.in_flight + 1) * 2 >= self.limit:  # else nobody needs more
            self.limit = min(self.most, self.limit + 1 / self.limit)


@dataclass(slots=True)
class Place:
    """One request in flight, while a `with` lasts.

    No generator: on cold caches that takes half as long again, and each answer waits for it.
    """

    of: Admission
    started_s: float = 0.0
    beside: int = 0  # in flight when it came, with itself

    def __enter__(self) -> None:
        self.started_s, self.beside = self.of.take()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.of.leave(self, kind is not None and issubclass(kind, TimeoutError))
