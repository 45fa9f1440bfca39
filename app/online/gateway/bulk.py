"""Many documents in one body, taken as they arrive: a part is on disk before the next is read.

Parts are cut by lines and bytes alone, so that the same body has the same parts however the network
cut it, and one that is sent again under its Idempotency-Key finds what it wrote already.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.corpus.blocks import JsonLines
from app.corpus.document_writes import Key, Write
from app.corpus.intake import sift
from app.corpus.reject import Reject
from app.corpus.rows import RowRules
from app.domain.changes import Change
from app.online.gateway.writing import DocumentWriter
from app.online.limits import MAX_BULK_BYTES, MAX_BULK_S, BodyTooLarge, read_body
from app.online.problems import Problem

PART_LINES = 1_000
PART_BYTES = 1 << 20
SOURCE = "body"

Records = Sequence[tuple[int, object]]


@dataclass(slots=True)
class BulkReport:
    """What became of each line."""

    accepted: int = 0
    refused: int = 0
    seq: int | None = None  # of the last accepted
    results: list[dict[str, Any]] = field(default_factory=list)

    def add(self, outcomes: Sequence[tuple[int, Change | Reject]], first_seq: int) -> None:
        for line, outcome in outcomes:
            if isinstance(outcome, Reject):
                self.refused += 1
                self.results.append(_refused(line, outcome))
            else:
                self.seq, first_seq = first_seq, first_seq + 1
                self.accepted += 1
                self.results.append({"line": line, "id": outcome.id, "seq": self.seq})

    def to_json(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted, "refused": self.refused, "seq": self.seq,
            "results": self.results,
        }  # fmt: skip


async def write_all(
    parts: AsyncIterator[tuple[Records | JsonLines, bool]],
    writer: DocumentWriter,
    rules: RowRules,
    key: str | None,
    now_ms: int,
) -> BulkReport:
    """Check and write each part. `parts` says of each whether it is the last."""
    report, number = BulkReport(), 0
    async for part, is_last in parts:
        puts, outcomes = await asyncio.to_thread(_sift, part, rules)
        first = 0
        if puts or key:
            named = Key(key, number, is_last) if key else None
            first = (await writer.write(Write(puts, now_ms, named))).first_seq
        report.add(outcomes, first)
        number += 1
    return report


async def line_parts(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[JsonLines, bool]]:
    """Cut NDJSON into parts as it arrives. Raises BodyTooLarge where it has grown too long."""
    first, size = 1, 0
    lines: list[bytes] = []
    unfinished: list[bytes] = []  # pieces of the line that has not ended yet
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_BULK_BYTES:
            raise BodyTooLarge(MAX_BULK_BYTES)
        ended, *more = chunk.split(b"\n")
        unfinished.append(ended)
        for start in more:
            lines.append(b"".join(unfinished))
            unfinished = [start]
        for part in _full(lines):
            yield JsonLines(SOURCE, first, part), False
            first += len(part)
    yield JsonLines(SOURCE, first, [*lines, b"".join(unfinished)]), True


async def array_parts(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[Records, bool]]:
    """Read a JSON array, or one object, and cut it into parts. Raises a 400 problem."""
    body = await read_body(chunks, MAX_BULK_BYTES, MAX_BULK_S)
    try:
        rows = await asyncio.to_thread(orjson.loads, body)
    except orjson.JSONDecodeError as error:
        raise Problem(
            400, "malformed-json", f"the body is not JSON: {error}", field="body", value=None,
            limit="a JSON array of documents in UTF-8, no NaN",
            remedy="check quotes, commas and encoding; for one document a line send "
            "Content-Type: application/x-ndjson",
        ) from None  # fmt: skip
    records = list(enumerate(rows if isinstance(rows, list) else [rows], 1))
    starts = range(0, max(len(records), 1), PART_LINES)
    for start in starts:
        yield records[start : start + PART_LINES], start + PART_LINES >= len(records)


def _full(lines: list[bytes]) -> Iterator[list[bytes]]:
    """Take full parts off the front of `lines`."""
    taken = size = 0
    for at, line in enumerate(lines):
        size += len(line)
        if at + 1 - taken >= PART_LINES or size >= PART_BYTES:
            yield lines[taken : at + 1]
            taken, size = at + 1, 0
    del lines[:taken]


def _sift(
    part: Records | JsonLines, rules: RowRules
) -> tuple[list[Change], list[tuple[int, Change | Reject]]]:
    records = part.records(rules.types) if isinstance(part, JsonLines) else part
    return sift(records, SOURCE, rules)


def _refused(line: int, reject: Reject) -> dict[str, Any]:
    error = {
        "field": reject.field, "value": reject.value, "reason": reject.reason,
        "remedy": reject.remedy,
    }  # fmt: skip
    return {"line": line, "id": reject.id, "error": error}
