"""Takes persons out of the impression log: each file that holds any is replaced by one without.

The new file is there before the old one goes, so a reader misses nothing, and a crash between the
two leaves records twice, which every reader bears and the next erasure mends.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.corpus.impression_log import Broken, file_contents, remove_file, warn, write_file

PERSONS = ("user_id", "client_id")
NEEDED = (*PERSONS, "request_id", "now_ms")

IsGone = Callable[[str], bool]
"""Tells whether a pseudonym belongs to somebody who was forgotten."""


@dataclass(frozen=True, slots=True)
class Erased:
    records: int = 0
    files: int = 0  # replaced, or deleted where nobody else was in them


def requests_of(root: Path, is_gone: IsGone, broken: Broken = warn) -> set[str]:
    """Return the ids of all requests that the forgotten made."""
    found: set[str] = set()
    for _, table in _tables(root, broken, [*NEEDED]):
        theirs = table.filter(_of_persons(table, is_gone))
        found.update(theirs["request_id"].to_pylist())
    return found


def erase_impressions(
    root: Path, is_gone: IsGone, requests: Collection[str], broken: Broken = warn
) -> Erased:
    """Delete every record of the forgotten, and of these requests where it names nobody.

    Raises OSError.
    """
    records = files = 0
    asked = pa.array(sorted(requests), pa.string())
    for file, table in _tables(root, broken):
        theirs = pc.or_(_of_persons(table, is_gone), _of_nobody(table, asked))
        count = pc.sum(theirs).as_py() or 0
        if not count:
            continue
        _replace(file, table.filter(pc.invert(theirs)))
        records, files = records + count, files + 1
    return Erased(records, files)


def _tables(
    root: Path, broken: Broken, columns: list[str] | None = None
) -> Iterator[tuple[Path, Any]]:
    for file, content in file_contents(root, broken=broken):
        try:
            table = pq.read_table(pa.BufferReader(content), columns=columns)
        except pa.ArrowException as error:
            broken(file, str(error))
            continue
        if {*NEEDED} <= {*table.column_names}:
            yield file, table
        else:
            broken(file, "not impressions of this version")


def _of_persons(table: Any, is_gone: IsGone) -> Any:
    """Tell which records a forgotten one made: the user before the device, as everywhere. (n,)"""
    is_nobodys = pc.is_null(table["user_id"])
    by_device = pc.and_(is_nobodys, _names(table["client_id"], is_gone))
    return pc.or_(_names(table["user_id"], is_gone), by_device)


def _of_nobody(table: Any, requests: Any) -> Any:
    """Tell which records name nobody and are of these requests. (n,)"""
    is_nameless = pc.and_(pc.is_null(table["user_id"]), pc.is_null(table["client_id"]))
    return pc.and_(is_nameless, pc.is_in(table["request_id"], requests))


def _names(column: Any, is_gone: IsGone) -> Any:
    """Tell which records name a forgotten one in this column. (n,)"""
    gone = [n for n in pc.unique(column).to_pylist() if n is not None and is_gone(n)]
    return pc.is_in(column, pa.array(gone, pa.string()))


def _replace(file: Path, rest: Any) -> None:
    if len(rest):
        times = pc.min_max(rest["now_ms"])
        write_file(file.parent, rest, times["min"].as_py(), times["max"].as_py())
    remove_file(file)
