"""Traces on disk, a packed JSON file each: any process of the service finds what another wrote.

A store that forgets by itself: `prune` deletes what is older than `keep_s`, and the oldest where
there are more than `keep`. Nothing is synced to the disk, for a trace may be lost.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = "traces"
_NAME = re.compile(r"([0-9a-f]{16}){1,2}")  # ids of requests; nothing else becomes a path
_SUFFIX = ".json.gz"
_FAST = 1


@dataclass(frozen=True, slots=True)
class TraceFiles:
    """One folder. Several processes may write, read and prune it at the same time."""

    root: Path
    keep: int  # traces
    keep_s: float  # seconds

    def write(self, request_id: str, body: bytes) -> None:
        """Keep a trace. Raises OSError where the disk takes none."""
        self.root.mkdir(parents=True, exist_ok=True)
        beside = self.root / f".{request_id}.{os.getpid()}"
        try:
            beside.write_bytes(gzip.compress(body, _FAST, mtime=0))
            beside.replace(self._path(request_id))
        finally:
            beside.unlink(missing_ok=True)

    def read(self, request_id: str, now_s: float) -> bytes | None:
        """Return a trace, None where there is none, none any more, or none that is whole."""
        if not _NAME.fullmatch(request_id):
            return None
        try:
            path = self._path(request_id)
            is_over = now_s - path.stat().st_mtime > self.keep_s
            return None if is_over else gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error):
            return None

    def prune(self, now_s: float) -> int:
        """Delete what is too old or too much, as far as the disk allows. Returns how many."""
        found = sorted(self._times(), reverse=True)
        gone = [path for i, (at_s, path) in enumerate(found)
                if i >= self.keep or now_s - at_s > self.keep_s]  # fmt: skip
        for path in gone:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        return len(gone)

    def _times(self) -> list[tuple[float, Path]]:
        """Return every file with the time of its writing, those that a crash left among them."""
        times = []
        with suppress(OSError):
            for entry in os.scandir(self.root):
                with suppress(FileNotFoundError):  # another process pruned it
                    times.append((entry.stat().st_mtime, Path(entry.path)))
        return times

    def _path(self, request_id: str) -> Path:
        return self.root / f"{request_id}{_SUFFIX}"
