"""Services as an operator starts them: processes of `duolu serve`, ready when handed over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_server

import httpx

from tests.builders.waiting import patience, until

ROOT = Path(__file__).parents[2]
KEY = "sesame"


@dataclass(frozen=True, slots=True)
class Served:
    """One process that serves, and a client of it with the key."""

    role: str
    port: int
    process: subprocess.Popen[bytes]
    client: httpx.Client
    log: Path


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def services(
    data: Path, roles: Sequence[tuple[str, int]], overrides: Sequence[str] = (), workers: int = 1
) -> Iterator[list[Served]]:
    """Start `duolu serve --role ROLE --port PORT` for each, side by side, with patience."""
    started = [_start(data, role, port, overrides, workers) for role, port in roles]
    try:
        for one in started:
            until(lambda one=one: one.process.poll() is not None or is_ready(one.client))
            assert one.process.poll() is None, one.log.read_text()[-3000:]
        yield started
    finally:
        for one in started:
            one.process.send_signal(signal.SIGCONT)
            one.process.terminate()
        for one in started:
            one.process.wait(30)
            one.client.close()


def _start(data: Path, role: str, port: int, overrides: Sequence[str], workers: int) -> Served:
    command = [
        sys.executable, "-m", "app.cli", "serve", "--role", role, "--port", str(port),
        "--data", str(data), "--models", str(data / "models"), "--workers", str(workers),
        *(word for override in (*patience(), *overrides) for word in ("--set", override)),
    ]  # fmt: skip
    log = data / f"{role}-{port}.log"
    with log.open("ab") as said:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "DUOLU_KEY": KEY}, stdout=said, stderr=said
        )
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {KEY}"},
        timeout=30, trust_env=False,
    )  # fmt: skip
    return Served(role, port, process, client, log)


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz", timeout=5).is_success
    except httpx.TransportError:
        return False
