"""The impression log on disk: Parquet files by day (UTC) that never change.

    impressions/day=2026-01-31/FIRST-LAST-SHA256.parquet

FIRST and LAST are the now_ms of the file's first and last record, so that a reader knows which
files it needs; SHA256 is that of the content, checked before Parquet code sees a byte of it. A
file appears by one rename after it is on disk: there are no halves. Records stand in the order of
(now_ms, request_id) inside a file; files of one day may overlap. To forget a person, a file is
replaced by another without their records: impression_erasure.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.corpus.impression_table import WORDS, columns_of, from_batch, held_columns, to_table
from app.domain.errors import InvalidInput
from app.domain.impressions import Impression

log = logging.getLogger(__name__)

FOLDER = "impressions"
"""Of the data folder."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
READ_BATCH = 256
AT_ONCE = 64
DAY = "day="
_NAME = re.compile(r"(\d{13})-(\d{13})-([0-9a-f]{64})\.parquet")
_UNFINISHED = ".unfinished"
_PARQUET: Mapping[str, Any] = {  # a dictionary of floats costs time and saves nothing
    "compression": "zstd",
    "write_statistics": False,
    "use_dictionary": [
        *("text", "snapshot_id", "tables_id", "release_id", "filters", "lists.key_value.key"),
        *(f"{name}.list.element" for name in WORDS),
    ],
}

Broken = Callable[[Path, str], None]
"""Told of each file that cannot be read, and why."""


def warn(file: Path, reason: str) -> None:
    """Name a file that is left out."""
    log.warning("%s: %s; it is left out", file, reason)


def write_impressions(root: Path, impressions: Iterable[Impression]) -> list[Path]:
    """Write one durable file a day. Raises OSError where the disk does not take it."""
    return [write_day(root, those) for those in by_day(impressions)]


def by_day(impressions: Iterable[Impression]) -> list[list[Impression]]:
    """Put impressions in the order of a file, and those of each day together."""
    ordered = sorted(impressions, key=lambda i: (i.now_ms, i.request_id))
    return [list(those) for _, those in groupby(ordered, lambda i: day_of(i.now_ms))]


def read_impressions(
    root: Path,
    since_ms: int = 0,
    until_ms: int | None = None,
    columns: Collection[str] | None = None,
    broken: Broken = warn,
) -> Iterator[Impression]:
    """Yield impressions with since_ms ≤ now_ms < until_ms, file by file, a file in its order.

    `columns` names the fields to read, None reads all; the others hold their defaults. One file
    is in memory at a time. `broken` is told of every file that is not what its name says. Where a
    file is replaced meanwhile, some impressions may come twice, and none is missed.
    """
    stored = columns_of(columns)
    for file, content in file_contents(root, since_ms, until_ms, broken):
        for impression in _decode(file, content, stored, broken):
            if impression.now_ms >= since_ms and (until_ms is None or impression.now_ms < until_ms):
                yield impression


def file_contents(
    root: Path, since_ms: int = 0, until_ms: int | None = None, broken: Broken = warn
) -> Iterator[tuple[Path, bytes]]:
    """Yield the files that may hold impressions of these times, oldest day first, verified.

    A file that is gone when its turn comes was replaced: then its day is listed once more.
    """
    first, last = day_of(since_ms), None if until_ms is None else day_of(until_ms)
    for day in days(root):
        if day < first or (last is not None and day > last):
            continue
        listed: set[Path] = set()
        is_whole = False
        while not is_whole:
            fresh = sorted({*(root / f"{DAY}{day}").glob("*.parquet")} - listed)
            listed.update(fresh)
            wanted = [f for f in fresh if _is_wanted(f, since_ms, until_ms, broken)]
            is_whole = (yield from _read(wanted, broken)) or not fresh


def _read(files: Iterable[Path], broken: Broken) -> Generator[tuple[Path, bytes], None, bool]:
    """Yield the files that are there and whole; return whether all were there."""
    are_all_there = True
    for file in files:
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            are_all_there = False
        except OSError as error:
            broken(file, str(error))
        else:
            if hashlib.sha256(content).hexdigest() in file.name:
                yield file, content
            else:
                broken(file, f"its {len(content)} bytes are not those that were written")
    return are_all_there


def _is_wanted(file: Path, since_ms: int, until_ms: int | None, broken: Broken) -> bool:
    named = _NAME.fullmatch(file.name)
    if named is None:
        broken(file, "its name is not FIRST-LAST-SHA256.parquet")
        return False
    return int(named[2]) >= since_ms and (until_ms is None or int(named[1]) < until_ms)


def days(root: Path) -> list[date]:
    """Return the days that have a folder, oldest first."""
    return sorted(day for path in root.glob(f"{DAY}*") if (day := _day(path.name)) is not None)


def day_of(now_ms: int) -> date:
    return (EPOCH + timedelta(milliseconds=now_ms)).date()


def expired(root: Path, now_ms: int, retention_days: int) -> list[date]:
    """Return the days that ended `retention_days` ago or earlier, oldest first."""
    keep_from = day_of(now_ms) - timedelta(days=retention_days)
    return [day for day in days(root) if day < keep_from]


def forget(root: Path, expired_days: Iterable[date]) -> None:
    """Delete whole days."""
    for day in expired_days:
        shutil.rmtree(root / f"{DAY}{day}", ignore_errors=True)


def start_ms(day: date) -> int:
    """Midnight, UTC."""
    return (day - EPOCH.date()).days * 86_400_000


def sweep(root: Path, now_ms: int, older_than_ms: int = 3_600_000) -> None:
    """Delete what writers that were killed left unfinished, an hour old so that it is theirs."""
    for file in root.glob(f"{DAY}*/*{_UNFINISHED}"):
        try:
            if file.stat().st_mtime * 1e3 < now_ms - older_than_ms:
                file.unlink()
        except OSError:
            continue  # another process swept it


def write_day(root: Path, ordered: list[Impression]) -> Path:
    """Write the impressions of one day, in order, as one file. Raises OSError."""
    folder = root / f"{DAY}{day_of(ordered[0].now_ms)}"
    parts = [ordered[i : i + AT_ONCE] for i in range(0, len(ordered), AT_ONCE)]
    # Few at a time: Arrow holds the interpreter while it reads a Python list.
    table = pa.concat_tables(to_table(part) for part in parts)
    return write_file(folder, table, ordered[0].now_ms, ordered[-1].now_ms)


def write_file(folder: Path, table: pa.Table, first_ms: int, last_ms: int) -> Path:
    """Write one file durably, whole or not at all. Raises OSError."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **_PARQUET)
    content = memoryview(sink.getvalue())
    digest = hashlib.sha256(content).hexdigest()
    final = folder / f"{first_ms:013d}-{last_ms:013d}-{digest}.parquet"
    unfinished = folder / f".{secrets.token_hex(8)}{_UNFINISHED}"
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with unfinished.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(unfinished, final)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    for directory in (folder, folder.parent)[: 1 + is_new]:
        _sync(directory)
    return final


def remove_file(file: Path) -> None:
    """Delete one file, durably."""
    file.unlink(missing_ok=True)
    _sync(file.parent)


def _decode(file: Path, content: bytes, columns: list[str], broken: Broken) -> Iterator[Impression]:
    try:
        opened = pq.ParquetFile(pa.BufferReader(content))
        held = held_columns(opened.schema_arrow, columns)
        for batch in opened.iter_batches(READ_BATCH, columns=held):
            yield from from_batch(batch)
    except (pa.ArrowException, InvalidInput, ValueError) as error:
        broken(file, f"not impressions of this version: {error}")


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(name.removeprefix(DAY))
    except ValueError:
        return None


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
