"""Catalogue files, read as a stream of blocks: JSONL, CSV, Parquet, a directory, standard input.

Reading is separate from parsing: the reader only finds where rows end, so that one process can
feed many that parse.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar, cast

import pyarrow as pa
import pyarrow.parquet as pq

from app.corpus.blocks import Block, CsvRows, JsonLines, ParquetRows
from app.corpus.columns import Columns
from app.corpus.rows import BadRow
from app.domain.errors import InvalidInput

SUFFIXES = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")
STANDARD_INPUT = "-"
BLOCK_ROWS = 20_000
BLOCK_BYTES = 32 << 20
MAX_LINE_BYTES = 64 << 20  # a row beyond it is bad; what follows is read on
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"

T = TypeVar("T")

if TYPE_CHECKING:
    from _csv import Reader as CsvReader


def resolve(sources: Sequence[str]) -> list[str]:
    """Return the files to read, in order; a directory stands for its catalogue files by name."""
    if not sources:
        raise InvalidInput(f"no source given; name {_kinds()}, a directory of them, or -")
    if sources.count(STANDARD_INPUT) > 1:
        raise InvalidInput("standard input (-) is named twice; it can be read only once")
    return [file for source in sources for file in _files(source)]


def read_blocks(
    file: str,
    max_field_bytes: int = 1_000_000,
    stdin: IO[bytes] | None = None,
    columns: Columns | None = None,
) -> Iterator[Block]:
    """Read one file that `resolve` returned. Without `columns` JSON lines may be of anything.

    Raises InvalidInput where its rest is unreadable, and for columns that it lacks.
    """
    try:
        if file == STANDARD_INPUT:
            yield from _read_lines("<stdin>", _unzipped(stdin or sys.stdin.buffer), columns)
        elif file.lower().endswith(".parquet"):
            yield from _read_parquet(file, columns or Columns())
        else:
            with _open(file) as stream:
                if file.lower().endswith((".csv", ".csv.gz")):
                    yield from _read_csv(file, stream, max_field_bytes, columns or Columns())
                else:
                    yield from _read_lines(file, stream, columns)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInput(f"{file} is cut short or altered ({error}); fetch it again") from None
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({error}); check path and rights") from None


def _files(source: str) -> list[str]:
    if source == STANDARD_INPUT:
        return [source]
    path = Path(source)
    if path.is_dir():
        found = sorted(str(p) for p in path.iterdir() if p.is_file() and _is_catalogue(p.name))
        if not found:
            raise InvalidInput(f"no catalogue file in {source}; put {_kinds()} there")
        return found
    if not path.exists():
        raise InvalidInput(f"no file at {source}; name {_kinds()}, a directory of them, or -")
    if not _is_catalogue(path.name):
        raise InvalidInput(f"{source} is of no known kind; name it {_kinds()}")
    return [source]


def _is_catalogue(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _kinds() -> str:
    return ", ".join(f"*{suffix}" for suffix in SUFFIXES)


def _open(file: str) -> IO[bytes]:
    if file.lower().endswith(".gz"):
        return cast(IO[bytes], gzip.open(file, "rb"))
    return open(file, "rb")


def _unzipped(stream: IO[bytes]) -> IO[bytes]:
    """Standard input has no name: gzip is told by its first two bytes."""
    buffered = stream if isinstance(stream, io.BufferedReader) else _buffered(stream)
    if buffered.peek(2)[:2] == _GZIP:
        return cast(IO[bytes], gzip.open(buffered, "rb"))
    return buffered


def _buffered(stream: IO[bytes]) -> io.BufferedReader:
    return io.BufferedReader(cast(io.RawIOBase, stream))


def _read_lines(source: str, stream: IO[bytes], columns: Columns | None) -> Iterator[JsonLines]:
    first = 1
    for lines in _batched(_lines(stream), lambda line: len(line or b"")):
        if columns and first == 1:
            columns.require_keys(f"{source} (first {len(lines):,} lines)", lines)
        yield JsonLines(source, first, lines, columns or Columns())
        first += len(lines)


def _lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Yield each line; None for one longer than MAX_LINE_BYTES, whose rest is skipped."""
    line = stream.readline(MAX_LINE_BYTES).removeprefix(_BOM)
    while line:
        if len(line) < MAX_LINE_BYTES or line.endswith(b"\n"):
            yield line
        else:
            while line and not line.endswith(b"\n"):
                line = stream.readline(1 << 20)
            yield None
        line = stream.readline(MAX_LINE_BYTES)


def _read_csv(
    source: str, stream: IO[bytes], max_field: int, columns: Columns
) -> Iterator[CsvRows]:
    previous = csv.field_size_limit(max_field)  # the module's own is 131,072 characters
    try:
        with io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="") as text:
            reader = csv.reader(text)
            header = next(reader, None)
            if header is not None:
                header = columns.header(source, header)
                for rows in _batched(_csv_rows(reader), _cell_bytes):
                    yield CsvRows(source, header, rows)
    except csv.Error as error:
        raise InvalidInput(f"{source}: the header cannot be read ({error})") from None
    finally:
        csv.field_size_limit(previous)


def _csv_rows(reader: CsvReader) -> Iterator[tuple[int, list[str] | BadRow]]:
    """Yield each row with the line that it starts at; after a bad one the next line is a row."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield (
                line,
                BadRow("", None, f"the row is not CSV ({error})", "shorten it, or mend its quotes"),
            )
            continue
        if cells:
            yield line, cells


def _cell_bytes(row: tuple[int, list[str] | BadRow]) -> int:
    return 0 if isinstance(row[1], BadRow) else sum(map(len, row[1]))


def _read_parquet(file: str, columns: Columns) -> Iterator[ParquetRows]:
    first = 1
    try:
        with pq.ParquetFile(file) as parquet:
            names = columns.header(file, parquet.schema_arrow.names)
            for batch in parquet.iter_batches(batch_size=BLOCK_ROWS):
                yield ParquetRows(file, first, batch.rename_columns(names))
                first += batch.num_rows
    except pa.ArrowInvalid as error:
        raise InvalidInput(f"{file} is no Parquet file, or altered ({error})") from None


def _batched(items: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Group consecutive items by BLOCK_ROWS, fewer where they are large."""
    batch: list[T] = []
    size = 0
    for item in items:
        batch.append(item)
        size += size_of(item)
        if len(batch) == BLOCK_ROWS or size >= BLOCK_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
