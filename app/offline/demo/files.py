"""Writes the demo's files whole: an interrupted run leaves none that looks finished."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from app.domain.errors import InvalidInput

NAMES = ("catalog.jsonl", "sessions.jsonl", "events.jsonl", "queries.jsonl", "qrels.txt")
_FIRST_LINE = "All of this is synthetic."
NOTICE = f"""{_FIRST_LINE}

The city Whale Bay (鲸湾), its shops, brands, products, people, queries, clicks and grades are
invented by a seeded generator; any likeness to real ones is accidental. Request ids begin with
"synthetic-". Figures measured on these files say nothing about real users: they show that the
machinery works. docs/demo-data.md tells how they are made.

"""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that gets its name only when all of it is written."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as out:
        yield out
    part.replace(path)


def json_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """Return the rows as JSON, one a line, keys in their own order."""
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def prepare(directory: Path) -> None:
    """Make the directory and clear an earlier demo from it; InvalidInput if it holds other data."""
    directory.mkdir(parents=True, exist_ok=True)
    readme = directory / "README.txt"
    is_demo = readme.is_file() and readme.read_text("utf-8", "replace").startswith(_FIRST_LINE)
    present = [name for name in (*NAMES, readme.name) if (directory / name).exists()]
    if present and not is_demo:
        raise InvalidInput(
            f"{directory} holds {present[0]} that is no demo data; give another --out"
        )
    write_notice(directory, "This run did not finish.\n")
    for name in NAMES:
        (directory / name).unlink(missing_ok=True)


def write_notice(directory: Path, facts: str) -> None:
    (directory / "README.txt").write_text(NOTICE + facts, encoding="utf-8")
