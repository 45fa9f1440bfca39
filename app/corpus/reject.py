"""A row that could not be taken, as its owner is told."""

from __future__ import annotations

from dataclasses import dataclass

from app.corpus.rows import BadRow, shortened


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


def _printable(text: str | None) -> str | None:
    return None if text is None else _utf8(text[:80])


def _utf8(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
