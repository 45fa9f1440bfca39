"""Records of JSONL files, one by one, with where each stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from app.corpus.rows import BadRow
from app.corpus.sources import STANDARD_INPUT, read_blocks, resolve
from app.domain.errors import InvalidInput

SUFFIXES = (".jsonl", ".jsonl.gz")


class Line(NamedTuple):
    file: str
    number: int  # from 1
    record: Any | BadRow  # BadRow: not JSON

    @property
    def place(self) -> str:
        return f"{self.file}:{self.number}"


def read_lines(files: Sequence[str]) -> Iterator[Line]:
    """Yield every line that is not blank of *.jsonl, *.jsonl.gz, directories of them, or "-"."""
    for file in resolve(files):
        if file != STANDARD_INPUT and not file.lower().endswith(SUFFIXES):
            raise InvalidInput(f"{file} is no JSONL; name it *.jsonl or *.jsonl.gz")
        for block in read_blocks(file):
            for number, record in block.records({}):
                yield Line(block.source, number, record)
