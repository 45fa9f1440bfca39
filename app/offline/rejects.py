"""Rows that could not be indexed, one JSON object a line, and how many are too many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from app.corpus.rows import BadRow, shortened
from app.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Reject:
    """One bad row, and what its owner can do about it."""

    source: str
    line: int  # from 1; the row number in a Parquet file
    id: str | None  # where it has a readable one
    field: str  # "" where it is the whole row
    value: str  # shortened
    reason: str
    remedy: str

    @classmethod
    def of(cls, bad: BadRow, source: str, line: int, record: object) -> Reject:
        id_ = record.get("id") if isinstance(record, dict) else None
        known = shortened(id_) if id_ is not None and not isinstance(id_, str) else id_
        facts = (bad.field, bad.value, bad.reason, bad.remedy)
        return cls(source, line, _printable(known), *map(_utf8, facts))

    def __str__(self) -> str:
        what = " = ".join(part for part in (self.field, self.value) if part)
        return f"{self.source}:{self.line}: {what} {self.reason}; {self.remedy}"


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


def _printable(text: str | None) -> str | None:
    return None if text is None else _utf8(text[:80])


def _utf8(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
