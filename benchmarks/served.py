"""Services as processes of their own, for benchmarks that ask them over HTTP."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from speed_catalogue import CONFIG, DUOLU

START_S = 600.0
NEVER_FOLDED = "documents.compact_rows=1000000000"
"""No compaction runs beside what is measured."""


@dataclass(frozen=True, slots=True)
class Service:
    """One `duolu serve`, which leads a group of its own: whatever it starts can end with it."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=10, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def wait_until_ready(self, patience_s: float = START_S) -> None:
        """Where it ends first, or is not ready in time, it is ended. Raises RuntimeError."""
        until = time.monotonic() + patience_s
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                self.end()
                raise RuntimeError(f"{self.url} is not ready; see {self.log}, or try: duolu doctor")
            time.sleep(0.05)

    def spent_ms(self) -> float:
        """Processor time of the process so far, in user and system."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) * 1e3 / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()

    def kill(self) -> None:
        """End it at once, with whatever it had started, a compaction most of all."""
        os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def started(
    data: Path, *settings: str, models: Path | None = None, role: str = "all", port: int = 0
) -> Service:
    """Start a service, which is not ready yet. Settings are KEY=VALUE; what it says is in its log.

    `models`: those under `data` where none are given; `port`: a free one.
    """
    port = port or free_port()
    where = ("--data", str(data), "--models", str(models or data / "models"))
    told = [word for setting in settings for word in ("--set", setting)]
    command = [*DUOLU, "serve", "--role", role, "--port", str(port), *where,
               "--config", str(CONFIG), *told]  # fmt: skip
    log = data / f"{role}.log"
    with log.open("ab") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
    return Service(f"http://127.0.0.1:{port}", process, log)


@contextmanager
def serving(
    data: Path, *settings: str, models: Path | None = None, role: str = "all"
) -> Iterator[Service]:
    """Serve until the end of the block; ready at its beginning."""
    service = started(data, *settings, models=models, role=role)
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.end()


def copied(data: Path, target: Path) -> Path:
    """Copy what is served to a place of its own: artifacts, which never change, as links."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(data, target, copy_function=_link))


def _link(source: str, target: str) -> str:
    if Path(source).suffix in (".db", ".db-wal", ".db-shm"):
        return str(shutil.copy2(source, target))
    Path(target).hardlink_to(source)
    return target


def client_of(url: str) -> httpx.Client:
    """A connection of its own, which sends JSON unless told otherwise."""
    headers = {"Content-Type": "application/json"}
    return httpx.Client(base_url=url, timeout=120, trust_env=False, headers=headers)
