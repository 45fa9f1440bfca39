"""One function over many items in several processes, results in the order of the items."""

from __future__ import annotations

import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from app.domain.errors import ServerError

T = TypeVar("T")
R = TypeVar("R")


def ordered_map(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Yield function(item) in order. `workers` 0 = one a core; 1, or a single item: right here.

    Processes are spawned, not forked: a fork copies the locks of threads that it does not copy.
    At most two items a worker are under way, so that a long stream of items stays out of memory.
    Raises ServerError when the system kills a worker.
    """
    stream = iter(items)
    first = list(itertools.islice(stream, 2))
    stream = itertools.chain(first, stream)
    workers = workers or os.cpu_count() or 1
    if workers == 1 or len(first) < 2:
        yield from map(function, stream)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        yield from _in_order(pool, function, stream, 2 * workers)
    except BrokenProcessPool:
        raise ServerError(
            "a worker process was killed, most often for want of memory; use fewer --workers"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor, function: Callable[[T], R], items: Iterator[T], window: int
) -> Iterator[R]:
    under_way: deque[Future[R]] = deque()
    for item in items:
        under_way.append(pool.submit(function, item))
        if len(under_way) == window:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
