"""A piece of a catalogue file as it was read, cheap to hand to another process and not yet parsed.

Each kind of block turns itself into (line, record) pairs. What cannot be parsed comes as a BadRow
in the record's place, so that one broken line costs one row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

import orjson
import pyarrow as pa

from app.corpus.cells import typed
from app.corpus.columns import Columns
from app.corpus.rows import BadRow
from app.corpus.schema import FieldType

Types: TypeAlias = Mapping[str, FieldType]
Record: TypeAlias = tuple[int, Any | BadRow]

_NOT_JSON = re.compile(rb"(?<![\w\"])(NaN|-?Infinity)\b")


class Block(Protocol):
    """Some consecutive rows of one file. Lines count from 1."""

    @property
    def source(self) -> str: ...

    def records(self, types: Types) -> Iterator[Record]: ...


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Lines of JSONL. None stands for a line too long to be read."""

    source: str
    first_line: int
    lines: Sequence[bytes | None]
    columns: Columns = field(default_factory=Columns)

    def records(self, types: Types) -> Iterator[Record]:
        for number, line in enumerate(self.lines, self.first_line):
            if line is None:
                yield number, BadRow("", None, "the line is too long to be read", "split the row")
            elif line and not line.isspace():
                yield number, self.columns.renamed(_from_json(line))


@dataclass(frozen=True, slots=True)
class CsvRows:
    """Rows of cells. Bytes that are not UTF-8 are kept as surrogates, which `encode` refuses."""

    source: str
    header: Sequence[str]  # with our names
    rows: Sequence[tuple[int, Sequence[str] | BadRow]]

    def records(self, types: Types) -> Iterator[Record]:
        for number, cells in self.rows:
            yield number, cells if isinstance(cells, BadRow) else self._record(cells, types)

    def _record(self, cells: Sequence[str], types: Types) -> Any | BadRow:
        if len(cells) != len(self.header):
            return BadRow(
                "", ",".join(cells), f"has {len(cells)} cells, the header {len(self.header)}",
                "quote cells that hold commas or line ends",
            )  # fmt: skip
        try:
            return typed(dict(zip(self.header, cells, strict=True)), types)
        except BadRow as bad:
            return bad


@dataclass(frozen=True, slots=True)
class ParquetRows:
    """A record batch of Parquet. A row's line is its place in the file, from 1."""

    source: str
    first_line: int
    batch: pa.RecordBatch  # its columns have our names

    def records(self, types: Types) -> Iterator[Record]:
        batch = _times_as_epoch_ms(self.batch)
        try:
            rows = [_plain_row(row) for row in batch.to_pylist()]
        except UnicodeDecodeError:  # somewhere in the batch: find the rows
            rows = [_row(batch, i) for i in range(batch.num_rows)]
        yield from enumerate(rows, self.first_line)


def _from_json(line: bytes) -> Any | BadRow:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return BadRow("", _as_text(line), *_why_not_json(line, error))


def _why_not_json(line: bytes, error: orjson.JSONDecodeError) -> tuple[str, str]:
    try:
        line.decode()
    except UnicodeDecodeError as broken:
        return f"is not UTF-8 at byte {broken.start}", "write the file as UTF-8"
    if token := _NOT_JSON.search(line):
        return f"holds {token[1].decode()}, which is not JSON", "leave unknown values out"
    message = str(error).partition(": line 1 column")[0]
    return f"is not JSON ({message} at character {error.colno})", "write one object a line"


def _as_text(line: bytes) -> str:
    return line[:200].decode(errors="backslashreplace").strip()


def _times_as_epoch_ms(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Python's own datetime is slow and holds no nanoseconds."""
    for i, column in enumerate(batch.schema):
        if pa.types.is_timestamp(column.type):
            times = batch.column(i).cast(pa.timestamp("ms", column.type.tz), safe=False)
            batch = batch.set_column(i, column.name, times.cast(pa.int64()))
    return batch


def _row(batch: pa.RecordBatch, i: int) -> Any | BadRow:
    try:
        return _plain_row(batch.slice(i, 1).to_pylist()[0])
    except UnicodeDecodeError as error:
        return BadRow("", error.object, f"is not UTF-8 at byte {error.start}", "write UTF-8")


def _plain_row(row: dict[str, Any]) -> Any | BadRow:
    try:
        return {name: _plain(name, value) for name, value in row.items()}
    except BadRow as bad:
        return bad


def _plain(name: str, value: Any) -> Any:
    """Return an Arrow value as JSON knows it: decimals as floats, dates as text."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(name, v) for v in value]
    if isinstance(value, dict):
        return {key: _plain(name, v) for key, v in value.items()}
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    raise BadRow(
        name, value, f"is a {type(value).__name__}, which JSON cannot hold", "cast the column"
    )
