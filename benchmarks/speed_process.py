"""Runs a command as a process of its own and watches what memory it and its workers hold."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Spent:
    """What a command cost. Mapped files count as far as they are in memory."""

    seconds: float
    peak_mib: float  # highest sum of PSS over the process and all its descendants, sampled
    output: str


def run(command: Sequence[str]) -> Spent:
    """Run to the end, errors to our own standard error. Raises CalledProcessError if it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    watch = _Watch(process.pid)
    watch.start()
    output, _ = process.communicate()
    watch.ended.set()
    watch.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command), output)
    return Spent(time.perf_counter() - started, watch.peak_kib / 1024, output)


class _Watch(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak_kib = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(EVERY_S):
            self.peak_kib = max(self.peak_kib, sum(map(_pss_kib, _family(self.pid))))


def _family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for parent in found:
        try:
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        except OSError:
            continue  # it has just ended
    return found


def _pss_kib(pid: int) -> int:
    """Proportional set size: a page that several processes share counts once in the sum."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(x.split()[1]) for x in lines if x.startswith("Pss:")), 0)
