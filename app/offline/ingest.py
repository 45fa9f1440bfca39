"""From catalogue files to columns, in two passes over chunks of rows shared between processes.

1. Parse, check, and put the valid rows of each block into a file; count what attributes hold and
   which names occur. The parent sees ids and tallies only, finds duplicates and infers the schema.
2. Analyse each of those files into columns. The parent merges them in the catalogue's order.

The result does not depend on the number of processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import orjson

from app.corpus.analyzer import Analyzer
from app.corpus.attributes import Attributes, Census, conform
from app.corpus.blocks import Block
from app.corpus.chunk import Chunk, columnise
from app.corpus.columns import Columns
from app.corpus.reject import Reject
from app.corpus.rows import BadRow, Row, RowRules, clean, encode
from app.corpus.schema import Schema
from app.corpus.sources import read_blocks
from app.corpus.text import HAN_RUN, normalise
from app.corpus.typed import WORD_CHARACTERS
from app.domain.arrays import I32, I64
from app.offline.processes import ordered_map
from app.offline.progress import Advance
from app.offline.rejects import Rejects

SHORT_TITLE = 24  # characters; a longer title is a sentence, and its parts are no names


@dataclass(frozen=True, slots=True)
class Sifted:
    """What the parent learns of one block."""

    source: str
    file: Path  # the valid rows, JSON lines
    ids: list[str]
    lines: I64  # (rows,) where each valid row stood
    rejects: list[Reject]
    census: Census
    names: Counter[str]


@dataclass(frozen=True, slots=True)
class ChunkFile:
    """Valid rows on disk, and those among them that only repeat an id."""

    file: Path
    repeated: I32  # positions in the file, ascending


@dataclass(slots=True)
class Catalogue:
    """All valid rows: on disk, but for their ids and tallies."""

    chunks: list[ChunkFile]
    ids: dict[str, int]  # id → place among all rows, in order
    census: Census
    names: Counter[str] = field(default_factory=Counter)  # runs of Chinese in titles and brands


def read_catalogue(
    files: Sequence[str],
    columns: Columns,
    rules: RowRules,
    declared: frozenset[str],
    spill: Path,
    rejects: Rejects,
    workers: int,
    advance: Advance,
    words: frozenset[str] = frozenset(),
) -> Catalogue:
    """Pass 1. Raises InvalidInput for an unreadable file and for too many bad rows.

    Of `words`, in normal form, those become names that a title holds as a run of characters.
    """
    catalogue = Catalogue([], {}, Census(declared))
    seen: list[tuple[str, I64]] = []  # source and lines of each chunk, to name a first occurrence
    sift = partial(sift_block, rules=rules, declared=declared, words=words)
    blocks = _numbered_blocks(files, columns, rules.max_field_bytes, spill)
    for sifted in ordered_map(sift, blocks, workers):
        seen.append((sifted.source, sifted.lines))
        repeated = _take_ids(sifted, catalogue.ids, seen)
        rejects.add(sorted([*sifted.rejects, *repeated.values()], key=lambda r: r.line))
        catalogue.chunks.append(ChunkFile(sifted.file, np.array(list(repeated), np.int32)))
        catalogue.census.add(sifted.census)
        catalogue.names.update(sifted.names)
        advance(len(sifted.ids))
    return catalogue


def analyse(
    chunks: Sequence[ChunkFile],
    schema: Schema,
    attributes: Attributes,
    analyzer: Path,
    workers: int,
    advance: Advance,
) -> list[Chunk]:
    """Pass 2, with the analyzer saved under `analyzer`."""
    columns = []
    task = partial(columnise_file, schema=schema, attributes=attributes, analyzer=analyzer)
    for chunk in ordered_map(task, chunks, workers):
        columns.append(chunk)
        advance(len(chunk.ids))
    return columns


def sift_block(
    task: tuple[Path, Block], rules: RowRules, declared: frozenset[str], words: frozenset[str]
) -> Sifted:
    """Check the rows of one block and write the valid ones. Runs in a worker."""
    file, block = task
    ids, numbers, rejects = [], [], []
    census, names = Census(declared), Counter[str]()
    with file.open("wb") as valid:
        for line, record in block.records(rules.types):
            try:
                row = _checked(record, rules)
                encoded = encode(row, rules)
            except BadRow as bad:
                rejects.append(Reject.of(bad, block.source, line, record))
                continue
            valid.write(encoded + b"\n")
            ids.append(row["id"])
            numbers.append(line)
            census.count(row)
            names.update(_names(row))
            names.update(_written(row["title"], words) if words else ())
    return Sifted(block.source, file, ids, np.array(numbers, np.int64), rejects, census, names)


def columnise_file(
    chunk: ChunkFile, schema: Schema, attributes: Attributes, analyzer: Path
) -> Chunk:
    """Analyse the rows of one file. Runs in a worker."""
    repeated = set(chunk.repeated.tolist())
    with chunk.file.open("rb") as lines:
        kept = (line for i, line in enumerate(lines) if i not in repeated)
        rows = [conform(orjson.loads(line), attributes.fields) for line in kept]
    return columnise(rows, schema, _analyzer(analyzer))


def _checked(record: object, rules: RowRules) -> Row:
    if isinstance(record, BadRow):
        raise record
    return clean(record, rules)


def _names(row: Row) -> Iterator[str]:
    """Runs of Chinese in the brand and in a short title: what jieba's dictionary may not know."""
    title, brand = row["title"], row.get("brand")
    if len(title) <= SHORT_TITLE and not title.isascii():
        yield from HAN_RUN.findall(title)
    for value in brand if isinstance(brand, list) else [brand]:
        if isinstance(value, str):
            yield from HAN_RUN.findall(value)


def _written(title: str, words: frozenset[str]) -> Iterator[str]:
    """Yield those of the words that stand in a title of any length, each time that one does."""
    for run in HAN_RUN.findall("" if title.isascii() else normalise(title)):
        for size in WORD_CHARACTERS:
            starts = range(len(run) - size + 1)
            yield from (run[i : i + size] for i in starts if run[i : i + size] in words)


def _numbered_blocks(
    files: Iterable[str], columns: Columns, max_field_bytes: int, spill: Path
) -> Iterator[tuple[Path, Block]]:
    blocks = (b for file in files for b in read_blocks(file, max_field_bytes, columns=columns))
    return ((spill / f"{i:06d}.jsonl", block) for i, block in enumerate(blocks))


def _take_ids(
    sifted: Sifted, ids: dict[str, int], seen: Sequence[tuple[str, I64]]
) -> dict[int, Reject]:
    """Add a chunk's ids; return the rows that repeat one, by position in the chunk."""
    repeated = {}
    start = sum(lines.size for _, lines in seen[:-1])
    for i, id_ in enumerate(sifted.ids):
        first = ids.setdefault(id_, start + i)
        if first != start + i:
            bad = BadRow("id", id_, f"is taken by {_place(first, seen)}", "give it another id")
            repeated[i] = Reject.of(bad, sifted.source, int(sifted.lines[i]), {"id": id_})
    return repeated


def _place(row: int, seen: Sequence[tuple[str, I64]]) -> str:
    for source, lines in seen:
        if row < lines.size:
            return f"{source}:{lines[row]}"
        row -= lines.size
    raise AssertionError(row)


@lru_cache(maxsize=1)
def _analyzer(path: Path) -> Analyzer:
    """A worker analyses many chunks of one build; opening takes as long as a thousand rows."""
    return Analyzer.open(path)
