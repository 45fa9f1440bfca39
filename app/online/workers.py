"""Several processes behind one listening socket: the same command once more for each of them.

The kernel spreads connections. A worker that dies is started again, unless it dies at once, which
starting again would not mend. Each has a place, which it hands on to the one that comes after it:
by its number their metrics are told apart (pages.py).
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from app.domain.errors import InvalidInput
from app.online.pages import SUFFIX

BACKLOG = 2048
AT_ONCE_S = 5.0  # a worker that lived shorter has failed to start
POLL_S = 0.2


def supervise(arguments: Sequence[str], host: str, port: int, workers: int) -> int:
    """Run `duolu ARGUMENTS --workers 1 --fd N` so many times until told to stop. Returns 0 or 1."""
    with _listening(host, port) as listener, tempfile.TemporaryDirectory(prefix="duolu-") as pages:
        fd = listener.fileno()
        command = [sys.executable, "-m", "app.cli", *arguments, "--workers", "1", "--fd", str(fd)]

        def start(place: int) -> _Worker:
            page = Path(pages) / f"{place}{SUFFIX}"
            return _Worker(_start([*command, "--page", str(page)], fd), place, time.monotonic())

        running = [start(place) for place in range(workers)]
        is_told_to_stop = _stop_signals()
        while not is_told_to_stop:
            time.sleep(POLL_S)
            for ended in [w for w in running if w.process.poll() is not None]:
                running.remove(ended)
                if time.monotonic() - ended.since_s < AT_ONCE_S:
                    _end(running)
                    return 1
                running.append(start(ended.place))
        _end(running)
        return 0


class _Worker(NamedTuple):
    process: subprocess.Popen[bytes]
    place: int  # from 0
    since_s: float


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise InvalidInput(f"{host}:{port}: {error.strerror}; choose another --port") from None
    listener.listen(BACKLOG)
    listener.set_inheritable(True)
    return listener


def _start(command: Sequence[str], fd: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, pass_fds=(fd,))


def _stop_signals() -> list[int]:
    """Return a list that is empty until a signal to stop arrives."""
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda n, _: told.append(n))
    return told


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.wait()
