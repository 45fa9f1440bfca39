"""The metrics of all workers behind one socket, as one page.

Whoever asks reaches any one of them. Each puts its own page in a file every second; the one that
is asked reads those of the others, and every sample says by the label `worker` whose it is.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

EVERY_S = 1.0
STALE_S = 15.0  # older pages are of workers that hang, or are gone
SUFFIX = ".prom"


class SharedPages:
    """One worker's page among the others'. `file` is DIRECTORY/WORKER.prom, its own alone."""

    def __init__(self, file: Path, render: Callable[[], bytes]) -> None:
        self._file = file
        self._render = render
        self._rendering = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End, and leave the page of all."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._file.unlink(missing_ok=True)

    def whole(self, now_s: float) -> bytes:
        """Render all workers' metrics. Blocking. `now_s`: of the clock that dates files."""
        pages = {self._file.stem: self._own()}
        for file in sorted(self._file.parent.glob(f"*{SUFFIX}")):
            try:
                if file != self._file and now_s - file.stat().st_mtime < STALE_S:
                    pages[file.stem] = file.read_bytes()
            except FileNotFoundError:
                continue  # it ended just now
        return merged(pages.items())

    def _run(self) -> None:
        while not self._closing.wait(EVERY_S):
            try:
                self._write(self._own())
            except OSError:
                log.exception("the other workers do not see this one's metrics")

    def _own(self) -> bytes:
        with self._rendering:
            return self._render()

    def _write(self, page: bytes) -> None:
        beside = self._file.with_suffix(".new")
        beside.write_bytes(page)
        os.replace(beside, self._file)  # nobody reads half of one; nothing has to outlive a crash


def merged(pages: Iterable[tuple[str, bytes]]) -> bytes:
    """Put pages in the Prometheus text format together, each by the name of its worker."""
    families: dict[str, Metric] = {}
    for worker, page in sorted(pages):
        for family in text_string_to_metric_families(page.decode()):
            known = families.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            for sample in family.samples:
                labels = {**sample.labels, "worker": worker}
                known.add_sample(sample.name, labels, sample.value)
    return generate_latest(_Families(families.values()))


class _Families(Collector):
    """What was read, as a registry gives it."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families
