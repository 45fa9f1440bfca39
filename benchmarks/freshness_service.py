"""One gateway as a process of its own, for benchmarks that drive it over HTTP."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from speed_catalogue import CONFIG, DUOLU


@dataclass(frozen=True, slots=True)
class Service:
    url: str

    def client(self) -> httpx.Client:
        """A connection of its own."""
        return httpx.Client(
            base_url=self.url, timeout=60, trust_env=False,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def serving(data: Path, models: Path, *settings: str) -> Iterator[Service]:
    """Serve until the end of the block; ready at its beginning. Settings are KEY=VALUE."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = ("--data", str(data), "--models", str(models), "--config", str(CONFIG))
    told = [word for setting in settings for word in ("--set", setting)]
    command = [*DUOLU, "serve", "--port", str(port), *where, *told]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    service = Service(f"http://127.0.0.1:{port}")
    try:
        while not service.is_ready():
            if server.poll() is not None:
                raise RuntimeError(f"{' '.join(command)} ended with {server.returncode}")
            time.sleep(0.1)
        yield service
    finally:
        server.terminate()
        server.wait()
