"""Rows that could not be indexed, one JSON object a line, and how many are too many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import orjson

from app.corpus.reject import Reject
from app.domain.errors import InvalidInput


class Rejects:
    """Writes bad rows to a file, which appears with the first, and gives up after `limit`."""

    def __init__(self, file: Path, limit: int) -> None:
        self.file = file
        self.count = 0
        self._limit = limit
        self._first: Reject | None = None

    def add(self, rejects: Iterable[Reject]) -> None:
        """Append, durable enough to be read after a failure. Raises InvalidInput past the limit."""
        rejects = list(rejects)
        if not rejects:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab") as stream:
            stream.writelines(orjson.dumps(asdict(r)) + b"\n" for r in rejects)
        self.count += len(rejects)
        self._first = self._first or rejects[0]
        if self.count > self._limit:
            raise InvalidInput(
                f"more than --max-errors {self._limit} bad rows, the first: {self._first} "
                f"(all so far: {self.file}); nothing was published"
            )
