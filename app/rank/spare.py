"""Idle threads that score a part of a large batch each; a batch of the usual size stays whole.

Rows do not know each other, so the scores are the same bits however they are cut. Features are not
computed so: most of that is numpy under the interpreter's lock. Where all cores are busy nothing is
cut: a part would wait for a core longer than it takes (benchmarks/split.py).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from app.domain.arrays import F32
from app.rank.ranker import Model

FROM_ROWS = 4_096
"""Where it begins to pay: a thread wakes in 0.1 ms, in which one thread scores some 400 rows."""

TILE = 128  # rows that the scorer takes together
MOST = 4  # threads of one call, its own included


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def all_busy() -> bool:
    """Tell whether as much wants to run on this machine, of late, as can."""
    return os.getloadavg()[0] >= cores()


class SpareThreads:
    """Threads beside those that rank. A call takes those that are idle, and waits for none."""

    def __init__(self, count: int, is_busy: Callable[[], bool] = all_busy) -> None:
        self._is_busy = is_busy
        self._idle = threading.Semaphore(count) if count else None
        self._threads = ThreadPoolExecutor(max(count, 1), "score")

    def predict(self, model: Model, features: F32) -> F32:
        """(n, d) → (n,), equal to `model.predict(features)` to the bit."""
        wanted = min(len(features) // FROM_ROWS, MOST - 1)
        taken = 0 if not wanted or self._is_busy() else self._take(wanted)
        if not taken:
            return model.predict(features)
        size = -(-len(features) // (taken + 1) // TILE) * TILE
        starts = range(size, len(features), size)
        calls = [self._threads.submit(self._part, model, features[s : s + size]) for s in starts]
        self._give_back(taken - len(calls))
        return np.concatenate([model.predict(features[:size]), *map(Future.result, calls)])

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _part(self, model: Model, features: F32) -> F32:
        try:
            return model.predict(features)
        finally:
            self._give_back(1)

    def _take(self, wanted: int) -> int:
        taken = 0
        while taken < wanted and self._idle is not None and self._idle.acquire(blocking=False):
            taken += 1
        return taken

    def _give_back(self, count: int) -> None:
        if self._idle is not None and count:
            self._idle.release(count)
