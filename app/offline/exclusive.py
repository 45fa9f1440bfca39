"""One writer at a time: a lock that the system frees when its process ends, however it ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.domain.errors import InvalidInput


@contextmanager
def exclusive(file: Path, what: str, *, waits: bool = False) -> Iterator[None]:
    """Hold the lock of `file`. Where another process holds it: InvalidInput at once, or wait."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            raise InvalidInput(
                f"another {what} is running ({file} is locked); wait until it has ended"
            ) from None
        yield
