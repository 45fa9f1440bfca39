"""Group commit: what many callers want written at the same time shares one transaction.

A transaction costs one wait for the disk, however much it holds. So nobody's work is committed
alone while others wait: the one thread that writes takes along all that has come in meanwhile.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from app.domain.errors import ServerError, StoreUnavailable

Work = TypeVar("Work")
Result = TypeVar("Result")


class GroupCommit(Generic[Work, Result]):
    """A thread that writes. `commit` gives one result a work, all durable when it returns.

    An error of `commit` is everybody's who took part, unless it is one of their works' own: then
    each is tried alone. At most `max_waiting` wait; more are refused at once.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Work]], Sequence[Result]],
        weigh: Callable[[Work], int],
        max_weight: int,
        max_waiting: int,
    ) -> None:
        self._commit = commit
        self._weigh = weigh
        self._max_weight = max_weight  # of one transaction, so that none takes long
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[Work, Future[Result]]] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Write what waits, then end."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, work: Work) -> Future[Result]:
        """Queue work. Its future ends with the result, or the error that kept it from the disk.

        Cancelling it takes back what no transaction holds yet. Raises StoreUnavailable.
        """
        future: Future[Result] = Future()
        with self._changed:
            if self._is_closed or len(self._waiting) >= self._max_waiting:
                why = "is closing" if self._is_closed else f"has {self._max_waiting} writes waiting"
                raise StoreUnavailable(f"this process {why}; try again in a second")
            self._waiting.append((work, future))
            self._changed.notify()
        return future

    def _run(self) -> None:
        while batch := self._take():
            self._write(batch)

    def _take(self) -> list[tuple[Work, Future[Result]]]:
        """Wait for work and take as much as one transaction may hold. Nothing at the end."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                batch: list[tuple[Work, Future[Result]]] = []
                weight = 0
                while self._waiting and (not batch or weight < self._max_weight):
                    work, future = self._waiting.popleft()
                    if future.set_running_or_notify_cancel():
                        batch.append((work, future))
                        weight += self._weigh(work)
                if batch or self._is_closed:
                    return batch

    def _write(self, batch: Sequence[tuple[Work, Future[Result]]]) -> None:
        try:
            results = self._commit([work for work, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, ServerError):
                for one in batch:
                    self._write([one])
                return
            for _, future in batch:
                future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
