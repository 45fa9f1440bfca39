"""Writes impressions beside the searches, never in their way: one thread, bounded in every part.

`offer` appends a reference and returns. The thread makes impressions of what was offered, and
writes a file every few seconds. Where it cannot keep up, or the disk does not take a file, the
impressions concerned are dropped and counted by reason. A crash loses what was not yet written: at
most the last `flush_s` seconds. This is a record of what was shown, no write that was acknowledged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Generic, TypeVar

from app.corpus.impression_log import by_day, day_of, expired, forget, sweep, write_day
from app.domain.impressions import Impression

log = logging.getLogger(__name__)
T = TypeVar("T")

POLL_S = 0.1
BREATH_S = 0.0002
"""After each impression: the thread that serves gets the interpreter without asking for it."""
MAX_ROWS = 2_000
MAX_BYTES = 16 << 20
"""Of one file before compression: more is written at once."""

WRITTEN = "written"
QUEUE_FULL, DISK, FAILED, STOPPED = "queue_full", "disk", "failed", "stopped"
FORGOTTEN = "forgotten"
DROPPED = (QUEUE_FULL, DISK, FAILED, STOPPED, FORGOTTEN)
"""Why impressions are lost: the queue is full, the disk takes none, one cannot be made of what was
offered, the writer has ended, the person asked to be forgotten."""

Screen = Callable[[Sequence[Impression]], Sequence[Impression]]
"""Says what may be written of impressions, on the way to the disk."""

Counted = Callable[[str, int], None]
"""Told an outcome, WRITTEN or one of DROPPED, and of how many impressions."""


@dataclass(frozen=True, slots=True)
class WriterLimits:
    flush_s: float = 30.0
    max_queue: int = 1_000
    max_queue_bytes: int = 64 << 20
    retention_days: int = 90


class ImpressionWriter(Generic[T]):
    """One log's writer in this process; others write files of their own. `start`, then `close`."""

    def __init__(
        self,
        root: Path,
        build: Callable[[T], Impression],
        limits: WriterLimits,
        now_ms: Callable[[], int],
        counted: Counted,
        screen: Screen = list,
    ) -> None:
        self._root = root
        self._build = build
        self._limits = limits
        self._now_ms = now_ms
        self._counted = counted
        self._screen = screen
        self._lock = threading.Lock()
        self._queue: deque[tuple[T, int]] = deque()
        self._queued_bytes = 0
        self._is_closed = False
        self._closing = threading.Event()
        self._batch: list[Impression] = []
        self._batch_bytes = 0
        self._complained: set[str] = set()
        self._tended: date | None = None
        self._thread = threading.Thread(target=self._run, name="impressions", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def offer(self, seen: T, nbytes: int) -> bool:
        """Queue what was served, `nbytes` in memory. Never waits; False where it was dropped."""
        with self._lock:
            is_full = (
                len(self._queue) >= self._limits.max_queue
                or self._queued_bytes + nbytes > self._limits.max_queue_bytes
            )
            reason = STOPPED if self._is_closed else QUEUE_FULL if is_full else None
            if reason is None:
                self._queue.append((seen, nbytes))
                self._queued_bytes += nbytes
        if reason is not None:
            self._drop(reason, 1)
        return reason is None

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what is queued and end. A disk that hangs is left behind after `timeout_s`."""
        with self._lock:
            self._is_closed = True
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            with self._lock:
                left = len(self._queue) + len(self._batch)
            self._drop(DISK, left, "the disk does not answer")

    def _run(self) -> None:
        due = time.monotonic() + self._limits.flush_s
        while True:
            is_last = self._closing.wait(POLL_S)
            self._tend()
            self._build_queued()
            if is_last or time.monotonic() >= due:
                self._flush()
                due = time.monotonic() + self._limits.flush_s
            if is_last:
                return

    def _build_queued(self) -> None:
        while self._queue:
            with self._lock:
                seen, nbytes = self._queue.popleft()
                self._queued_bytes -= nbytes
            try:
                impression = self._build(seen)
            except Exception as error:
                self._drop(FAILED, 1, repr(error))
                continue
            self._batch.append(impression)
            self._batch_bytes += bytes_of(impression)
            if len(self._batch) >= MAX_ROWS or self._batch_bytes >= MAX_BYTES:
                self._flush()
            if not self._is_closed:
                time.sleep(BREATH_S)

    def _flush(self) -> None:
        """Write the batch, a file a day; empty it whatever happens."""
        allowed = self._screen(self._batch)
        if len(allowed) < len(self._batch):
            self._counted(FORGOTTEN, len(self._batch) - len(allowed))
        for those in by_day(allowed):
            try:
                write_day(self._root, those)
            except OSError as error:
                self._drop(DISK, len(those), str(error))
            except Exception as error:
                self._drop(FAILED, len(those), repr(error))
            else:
                self._counted(WRITTEN, len(those))
                self._complained.clear()
        self._batch, self._batch_bytes = [], 0

    def _tend(self) -> None:
        """Forget what is too old, once a day."""
        now_ms = self._now_ms()
        if self._tended == day_of(now_ms):
            return
        self._tended = day_of(now_ms)
        try:
            forget(self._root, expired(self._root, now_ms, self._limits.retention_days))
            sweep(self._root, now_ms)
        except OSError as error:
            log.warning("old impressions stay: %s", error)

    def _drop(self, reason: str, count: int, detail: str = "") -> None:
        """Count, and complain once until something is written again."""
        self._counted(reason, count)
        if count and reason not in self._complained:
            self._complained.add(reason)
            log.warning("impressions are dropped: %s %s", reason, detail)


def bytes_of(impression: Impression) -> int:
    """About what an impression takes before compression."""
    arrays = impression.features.nbytes + impression.hit_scores.nbytes + impression.hit_ranks.nbytes
    return arrays + 32 * len(impression.ids) + 8 * len(impression.feature_names) + 512
