"""Files of one record a line: gzip by suffix, written whole or not at all, faults as file:line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any, TypeVar

import orjson

from app.domain.errors import InvalidInput

T = TypeVar("T")
BOM = b"\xef\xbb\xbf"


def fault(path: Path, number: int, what: str) -> InvalidInput:
    """Return the error of one line, counted from 1, in the form editors can follow."""
    return InvalidInput(f"{path}:{number}: {what}")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end)."""
    number = 0
    try:
        with _reader(path) as file:
            for number, raw in enumerate(file, 1):
                line = raw.removeprefix(BOM) if number == 1 else raw
                yield number, line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise fault(path, number, f"not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise fault(path, number + 1, f"damaged gzip: {error}; copy the file again") from None
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror or error}") from None


def records(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines that are not blank."""
    return ((number, line) for number, line in numbered_lines(path) if line.strip())


def json_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSON Lines file."""
    for number, line in records(path):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise fault(path, number, f"not JSON: {error}") from None
        if not isinstance(row, dict):
            raise fault(path, number, f"{line[:40]!r} is not a JSON object; write {{...}} a line")
        yield number, row


def required(row: dict[str, Any], key: str, kind: type[T], path: Path, number: int) -> T:
    """Return `row[key]` if it is there and of that kind."""
    value = row.get(key)
    if isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool):
        return value
    found = "is missing" if key not in row else f"= {value!r} is not {kind.__name__}"
    raise fault(path, number, f"{key} {found}")


def write_lines(path: Path, lines: Iterable[str | bytes]) -> int:
    """Write a line each and return how many. The file appears under its name only when complete.

    The same lines give the same bytes: gzip headers carry no name and no time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as raw, _packer(path, raw) as sink:
            count = _write(sink, lines)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def write_objects(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write JSON Lines and return how many."""
    return write_lines(path, (orjson.dumps(row) for row in rows))


def _reader(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _packer(path: Path, raw: IO[bytes]) -> AbstractContextManager[IO[bytes] | gzip.GzipFile]:
    return gzip.GzipFile("", "wb", 6, raw, mtime=0) if path.suffix == ".gz" else nullcontext(raw)


def _write(sink: IO[bytes] | gzip.GzipFile, lines: Iterable[str | bytes]) -> int:
    count = 0
    for line in lines:
        sink.write((line.encode() if isinstance(line, str) else line) + b"\n")
        count += 1
    return count
