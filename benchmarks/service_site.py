"""The services under load as real processes, over a copy of a city that they may write to."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from speed_catalogue import CONFIG, DUOLU, ROOT, City

LOCAL, REMOTE, NOTHING = "in process", "gateway + ranker", "a server that does nothing"
START_S = 120.0


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
    shutil.copytree(city.place.models, folder / "models")
    ports = {name: free_port() for name in (LOCAL, REMOTE, NOTHING)}
    site = Site(folder / "data", folder / "models", ports, free_port())
    remote = ("--set", f"rank.url=http://127.0.0.1:{site.ranker_port}")
    more = [word for override in overrides for word in ("--set", override)]
    log = (folder / "services.log").open("wb")
    running = [
        _serve(site, log.fileno(), "ranker", site.ranker_port, *more),
        _serve(site, log.fileno(), "gateway", ports[REMOTE], *remote, *more),
        _serve(site, log.fileno(), "all", ports[LOCAL], *more),
        _echo(ports[NOTHING]),
    ]
    try:
        for port in (site.ranker_port, ports[REMOTE], ports[LOCAL]):
            _await_health(port, folder / "services.log")
        yield site
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
        log.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _serve(site: Site, log: int, role: str, port: int, *more: str) -> subprocess.Popen[bytes]:
    where = ("--data", str(site.data), "--models", str(site.models), "--config", str(CONFIG))
    command = (*DUOLU, "serve", "--role", role, "--port", str(port), *where, *more)
    return _started(command, log)


def _echo(port: int) -> subprocess.Popen[bytes]:
    script = str(ROOT / "benchmarks" / "service_echo.py")
    return _started((sys.executable, script, str(port)), subprocess.DEVNULL)


def _started(command: Sequence[str], log: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=log, stderr=log)


def _await_health(port: int, log: Path) -> None:
    until, problem = time.monotonic() + START_S, ""
    while time.monotonic() < until:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except HTTPError as error:
            problem = error.read().decode()
        except OSError as error:
            problem = str(error)
        time.sleep(0.2)
    raise TimeoutError(f"not ready after {START_S:.0f} s: {problem}; see {log}, or --rebuild")
