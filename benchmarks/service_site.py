"""The services under load as real processes, over a copy of a city that they may write to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from served import free_port, started
from speed_catalogue import ROOT, City

LOCAL, REMOTE, NOTHING = "in process", "gateway + ranker", "a server that does nothing"
START_S = 120.0
MODELS, OF_LOCAL = "models", "models-of-local"  # what is not asked meanwhile shall not swap too


@dataclass(frozen=True, slots=True)
class Site:
    """Which port answers for each way to rank, and the files underneath."""

    data: Path
    models: Path
    ports: dict[str, int]
    ranker_port: int


@contextmanager
def site_of(city: City, folder: Path, overrides: Sequence[str] = ()) -> Iterator[Site]:
    """Start everything; end it afterwards. The copy is new each time: swaps leave releases."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(city.place.data, folder / "data")
    for name in (MODELS, OF_LOCAL):
        shutil.copytree(city.place.models, folder / name)
    ports = {name: free_port() for name in (LOCAL, REMOTE, NOTHING)}
    site = Site(folder / "data", folder / MODELS, ports, free_port())
    running = [
        started(site.data, *overrides, models=site.models, role="ranker", port=site.ranker_port),
        started(
            site.data, f"rank.url=http://127.0.0.1:{site.ranker_port}", *overrides,
            models=site.models, role="gateway", port=ports[REMOTE],
        ),
        started(site.data, *overrides, models=folder / OF_LOCAL, port=ports[LOCAL]),
    ]  # fmt: skip
    echo = _echo(ports[NOTHING])
    try:
        for service in running:
            service.wait_until_ready(START_S)
        yield site
    finally:
        echo.terminate()
        echo.wait()
        for service in running:
            service.end()


def _echo(port: int) -> subprocess.Popen[bytes]:
    script = str(ROOT / "benchmarks" / "service_echo.py")
    quiet = subprocess.DEVNULL
    return subprocess.Popen((sys.executable, script, str(port)), stdout=quiet, stderr=quiet)
