"""How a long command says how far it is: bars on a terminal, lines elsewhere, or nothing.

Work reports to whatever `Progress` it is given and never prints by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Protocol, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

Advance: TypeAlias = Callable[[int], None]
"""Says that so many more units are done."""

EVERY_S = 10.0  # between two lines about one stage


class Progress(Protocol):
    """Shows the stages of one command."""

    def stage(
        self, name: str, total: int | None = None, unit: str = "rows"
    ) -> AbstractContextManager[Advance]:
        """Open a stage of `total` units, or of an unknown number."""
        ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "rows") -> Iterator[Advance]:
        yield lambda _: None


class Lines:
    """Writes a line when a stage ends, and now and then while it lasts."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "rows") -> Iterator[Advance]:
        started = last = time.monotonic()
        done = 0

        def advance(count: int) -> None:
            nonlocal done, last
            done += count
            if (now := time.monotonic()) - last >= EVERY_S:
                last = now
                self._say(name, done, total, unit, now - started)

        yield advance
        self._say(name, done, None, unit, time.monotonic() - started)

    def _say(self, name: str, done: int, total: int | None, unit: str, seconds: float) -> None:
        count = f" {done:,}" + (f" of {total:,}" if total else "") + f" {unit}" if done else ""
        print(f"{name}:{count} in {seconds:.1f} s", file=self._stream, flush=True)


class Bars:
    """Draws a bar a stage on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "rows") -> Iterator[Advance]:
        columns = (
            TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(),
            TextColumn(unit), TimeElapsedColumn(),
        )  # fmt: skip
        with RichProgress(*columns, console=self._console) as bars:
            task = bars.add_task(name, total=total)
            yield lambda count: bars.advance(task, count)
            done = bars.tasks[0].completed
            bars.update(task, total=done or 1, completed=done or 1)


class Timed:
    """Passes stages on to another and keeps how long each took."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "rows") -> Iterator[Advance]:
        started = time.perf_counter()
        with self._shown.stage(name, total, unit) as advance:
            yield advance
        self.seconds[name] = round(time.perf_counter() - started, 3)


def progress_on(stream: IO[str]) -> Progress:
    """Return bars where the stream is a terminal, lines elsewhere."""
    return Bars(Console(file=stream)) if stream.isatty() else Lines(stream)
