"""Lets a shadow score what was served, off the answer's path: own thread, bounded queue.

What the queue has no place for, and what waited too long, goes on to the log without it, and is
counted. A search waits for nothing here, and no impression is lost.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from app.pipeline.impressions import Seen
from app.rank.shadow import ShadowRanker

log = logging.getLogger(__name__)

SCORED, NOT_OPEN = "scored", "not_open"
QUEUE_FULL, LATE, FAILED, STOPPED = "queue_full", "late", "failed", "stopped"
OUTCOMES = (SCORED, NOT_OPEN, QUEUE_FULL, LATE, FAILED, STOPPED)
"""What became of a search: scored; the shadow is not open yet, or served it itself; or why not."""

LATE_S = 10.0
NICE = 10
"""Of the thread, where the system lets threads have one: searches go first."""


class Shadow:
    """One process's shadow. `start`, then `close`; `offer` from any thread."""

    def __init__(
        self,
        ranker: ShadowRanker,
        pass_on: Callable[[Seen], object],
        max_queue: int,
        counted: Callable[[str], None],
    ) -> None:
        self._ranker = ranker
        self._pass_on = pass_on
        self._max_queue = max_queue
        self._counted = counted
        self._lock = threading.Condition()
        self._queue: deque[tuple[Seen, float]] = deque()
        self._is_closed = False
        self._has_complained = False
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def offer(self, seen: Seen) -> bool:
        """Take a served search, to be passed on with the shadow's scores. Never waits.

        False where there is no place for it: the caller keeps it.
        """
        with self._lock:
            is_full = len(self._queue) >= self._max_queue
            is_taken = not (is_full or self._is_closed)
            if is_taken:
                self._queue.append((seen, time.monotonic()))
                self._lock.notify()
        if not is_taken:
            self._counted(QUEUE_FULL if is_full else STOPPED)
        return is_taken

    def close(self, timeout_s: float = 5.0) -> None:
        """Pass on what waits, without scores, and end."""
        with self._lock:
            self._is_closed = True
            self._lock.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        with contextlib.suppress(OSError, AttributeError):  # of this thread alone, on Linux
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while (waiting := self._next()) is not None:
            seen, since_s = waiting
            outcome = STOPPED if self._is_closed else LATE
            if not self._is_closed and time.monotonic() - since_s <= LATE_S:
                seen, outcome = self._scored(seen)
            self._counted(outcome)
            self._pass_on(seen)
        self._ranker.close()

    def _next(self) -> tuple[Seen, float] | None:
        """Wait for a search; None at the end."""
        with self._lock:
            while not self._queue and not self._is_closed:
                self._lock.wait()
            return self._queue.popleft() if self._queue else None

    def _scored(self, seen: Seen) -> tuple[Seen, str]:
        try:
            scores = self._ranker.score(seen.ctx, seen.candidates)
        except Exception as error:
            if not self._has_complained:  # once: it may go on failing for every search
                log.warning("the shadow failed: %r", error)
            self._has_complained = True
            return seen, FAILED
        return (seen, NOT_OPEN) if scores is None else (replace(seen, shadow=scores), SCORED)
