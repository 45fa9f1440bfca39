"""What features read of a row, side by side: a few cache lines a candidate, not one a column.

Columns serve whatever looks at all rows. Ranking looks at 500 rows that lie all over the file, and
there every column costs a fetch from memory a row (measured: most of the time of features).

rows.offsets.npy    (n + 1,) int64, even: where each row's record starts
rows.values.npy     int32, a record a row:
                        the numeric columns, float64 in two words each, NaN where missing
                        the true length of each searched field
                        how many codes each preference field has
                        the searched fields' first FIRST_TOKENS term ids, field after field
                        the preference fields' codes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numba import njit

from app.corpus.ragged import Ragged
from app.domain.arrays import F32, F64, I32, I64, Rows

FIRST_TOKENS = 256
"""A record holds a field up to here, so that one endless document costs no more than another."""


class RowColumns(NamedTuple):
    """What is laid out by row, by name of the field."""

    tokens: Mapping[str, Ragged]  # searched fields: int32 term ids, an entry a row
    codes: Mapping[str, Ragged]  # preference fields: int32 codes, an entry a row
    numbers: Mapping[str, F64]  # numeric columns, each (n,), NaN where missing
    df: Mapping[str, I32]  # of each searched field, (terms,): rows in which a term occurs


class Layout(NamedTuple):
    """How a record begins. A tuple, for kernels take those."""

    numbers: int  # how many, each two words
    fields: int  # searched
    lengths: int  # words before the lengths of the searched fields
    counts: int  # words before the counts of the preference fields
    header: int  # words before the first term id

    @classmethod
    def of(cls, numbers: int, fields: int, codes: int) -> Self:
        lengths = 2 * numbers
        return cls(numbers, fields, lengths, lengths + fields, lengths + fields + codes)


@dataclass(frozen=True, slots=True)
class RowStore:
    """The records of all rows, and which field stands where in them."""

    records: Ragged  # int32
    layout: Layout
    number_fields: Mapping[str, int]  # numeric column → its place
    text_fields: Mapping[str, int]  # searched field → its place
    code_fields: Mapping[str, int]  # preference field → its place
    df: I32  # (terms, fields) rows in which each term occurs, by searched field
    average_lengths: F64  # (fields,) as `average_length` gives them

    @classmethod
    def pack(cls, columns: RowColumns) -> Self:
        """Lay columns out by row."""
        return cls._of(columns, records_of(columns))

    def save(self, path: Path) -> None:
        """Write the files named above beside the columns, in the directory `path`."""
        self.records.save(path / "rows")

    @classmethod
    def open(cls, path: Path, columns: RowColumns) -> Self:
        """Map what `save` wrote of the same columns."""
        return cls._of(columns, Ragged.open(path / "rows"))

    @classmethod
    def _of(cls, columns: RowColumns, records: Ragged) -> Self:
        tokens, codes, numbers, df = columns
        side_by_side = np.stack(list(df.values()), axis=1) if df else np.empty((0, 0), np.int32)
        return cls(
            records, Layout.of(len(numbers), len(tokens), len(codes)),
            _places(numbers), _places(tokens), _places(codes),
            np.ascontiguousarray(side_by_side, np.int32),
            np.array([average_length(t) for t in tokens.values()], np.float64),
        )  # fmt: skip

    def heads(self, rows: Rows) -> tuple[F64, F32]:
        """Return the numbers (m, rows) and the true token counts (fields, rows)."""
        heads: tuple[F64, F32] = _heads(
            self.records.offsets, self.records.values, self.layout, rows
        )
        return heads


def _places(columns: Mapping[str, object]) -> dict[str, int]:
    return {name: place for place, name in enumerate(columns)}


def average_length(tokens: Ragged) -> float:
    """Return a field's tokens a row, over the rows that have it.

    1 where none has: a newer row may, and BM25 divides by this.
    """
    filled = int(np.count_nonzero(tokens.lengths))
    return tokens.values.size / filled if filled else 1.0


def records_of(of: RowColumns) -> Ragged:
    """Interleave; the searched fields are cut to FIRST_TOKENS a row. `df` is not read."""
    numbers, fields = list(of.numbers.values()), len(of.tokens)
    columns = [*of.tokens.values(), *of.codes.values()]
    n = numbers[0].size if numbers else len(columns[0]) if columns else 0
    head, whole = 2 * len(numbers), np.iinfo(np.int64).max
    limits = [FIRST_TOKENS if c < fields else whole for c in range(len(columns))]
    sizes = np.full(n, head + len(columns), np.int64)
    for column, limit in zip(columns, limits, strict=True):
        sizes += np.minimum(column.lengths, limit)
    offsets = np.zeros(n + 1, np.int64)
    np.cumsum(sizes + sizes % 2, out=offsets[1:])
    values = np.zeros(offsets[-1], np.int32)
    for place, number in enumerate(numbers):
        values.view(np.float64)[offsets[:-1] // 2 + place] = number
    at = offsets[:-1] + head + len(columns)
    for c, (column, limit) in enumerate(zip(columns, limits, strict=True)):
        _lay(column.offsets, column.values, head + c, limit, offsets, at, values)
    return Ragged(offsets, values)


@njit(cache=True, nogil=True)
def _lay(offsets: I64, values: I32, place: int, limit: int, starts: I64, at: I64, out: I32) -> None:
    """Write one column's lengths at `place` of each record and its entries at `at`; move `at`."""
    for row in range(at.size):
        length = offsets[row + 1] - offsets[row]
        out[starts[row] + place] = length
        for i in range(min(length, limit)):
            out[at[row] + i] = values[offsets[row] + i]
        at[row] += min(length, limit)


@njit(cache=True, nogil=True)
def _heads(offsets: I64, values: I32, layout: Layout, rows: Rows) -> tuple[F64, F32]:
    numbers = np.empty((layout.numbers, rows.size), np.float64)
    lengths = np.empty((layout.fields, rows.size), np.float32)
    wide, starts, touched = values.view(np.float64), np.empty(rows.size, np.int64), 0
    for i in range(rows.size):
        starts[i] = offsets[rows[i]]
    for i in range(rows.size):  # waits for many rows at once; the careful reading comes after
        touched ^= values[starts[i]] ^ values[starts[i] + layout.header - 1]
    if touched == 1 << 40:  # never, but so the compiler keeps the touching
        return numbers, lengths
    for j in range(layout.numbers):
        for i in range(rows.size):
            numbers[j, i] = wide[starts[i] // 2 + j]
    for f in range(layout.fields):
        for i in range(rows.size):
            lengths[f, i] = values[starts[i] + layout.lengths + f]
    return numbers, lengths
