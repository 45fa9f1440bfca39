"""Writes training rows as Parquet, for whoever trains elsewhere: what is handed to LightGBM here.

FOLDER/fit.parquet, FOLDER/valid.parquet, a row a document, one list after another
  label    int32    grade
  group    int32    number of the list, from 0, ascending
  weight   float32  what the row counts for: 1 unless clicks are corrected for their position
  NAME     float32  each feature of the recipe, under its name; NaN where it is not known

Of clicks that weigh differently a list is one group a click, as clicks.one_click says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.errors import InvalidInput
from app.offline.clicks.one_click import Groups, groups_of
from app.offline.dataset import TrainingSet

PIECE_ROWS = 65_536
PARTS = ("fit", "valid")


@dataclass(frozen=True, slots=True)
class Written:
    """What lies in one file."""

    file: Path
    groups: int
    rows: int


def write_rows(
    folder: Path, names: Sequence[str], parts: Sequence[TrainingSet]
) -> tuple[Written, ...]:
    """Write a file for each of PARTS, whole or not at all. Raises InvalidInput if it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tuple(
            _write(folder / f"{name}.parquet", names, part)
            for name, part in zip(PARTS, parts, strict=True)
        )
    except OSError as error:
        raise InvalidInput(f"cannot write rows to {folder}: {error.strerror or error}") from None


def _write(file: Path, names: Sequence[str], part: TrainingSet) -> Written:
    groups, fresh = groups_of(part), file.with_suffix(".part")
    with pq.ParquetWriter(fresh, _schema(names)) as writer:
        for piece in _pieces(part, groups, _schema(names)):
            writer.write_batch(piece)
    fresh.replace(file)
    return Written(file, len(groups.sizes), len(groups.labels))


def _schema(names: Sequence[str]) -> pa.Schema:
    told: list[tuple[str, pa.DataType]] = [("label", pa.int32()), ("group", pa.int32())]
    told += [(name, pa.float32()) for name in ("weight", *names)]
    return pa.schema(told)


def _pieces(part: TrainingSet, groups: Groups, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Read the features in pieces: they may lie on disk."""
    numbers = np.repeat(np.arange(len(groups.sizes), dtype=np.int32), groups.sizes)
    for start in range(0, len(groups.labels), PIECE_ROWS):
        at = slice(start, start + PIECE_ROWS)
        some = part.features[at if groups.rows is None else groups.rows[at]]
        told = [groups.labels[at], numbers[at], groups.weights[at].astype(np.float32)]
        columns = [*told, *(np.ascontiguousarray(column) for column in some.T)]
        yield pa.record_batch([pa.array(c) for c in columns], schema=schema)
