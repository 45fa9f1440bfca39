"""Documents as columns on disk, memory-mapped, addressed by row.

documents/
  ids.*                    external id of each row, and the way back
  payload.*                the catalogue row as compact JSON, as it is shown
  terms.*                  the vocabulary of all searched fields
  tokens/SLOT.*           forward index: term ids of the field in reading order
  tokens/SLOT.df.npy      documents in which each term occurs in that field
  numbers/SLOT.npy        float64, NaN where missing (bool as 0 and 1, time as epoch ms)
  keywords/SLOT.*         codes of each row, the codes' strings, and the rows of each code
  rows.*                   what features read of a row, side by side (see row_store)
  vectors.npy              float32 unit vectors, where an encoder is configured
  dead.npy                 bool, rows that were replaced or deleted, where there are any
  versions.npy             int64, seq of each document's last change in the log, 0 where the
                           catalogue brought it; written by compactions

A dead row is empty in every column, and its id is one that no document can have: what finds rows by
what they hold finds none of them. Only the graph of vectors and lists of all rows need the mask.

A field's SLOT is its place in the schema: a catalogue's own key is never a file name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson

from app.corpus.patches import Patches, places_among
from app.corpus.place_blocks import NOWHERE, Places
from app.corpus.ragged import Dictionary, Ragged, Strings, open_array
from app.corpus.row_store import RowColumns, RowStore, average_length
from app.corpus.rows import Row
from app.corpus.schema import NUMERIC, FieldType, Schema
from app.domain.arrays import F32, F64, I32, I64, Bools, Rows
from app.domain.errors import CorruptArtifact
from app.domain.user import PREFERENCE_FIELDS


@dataclass(frozen=True, slots=True)
class TokenColumn:
    """One searched field as term ids."""

    tokens: Ragged  # int32 term ids in reading order, an entry a row
    df: I32  # (terms,) rows in which the term occurs
    average_length: float  # tokens a row, over rows that have the field; 1 where none has


@dataclass(frozen=True, slots=True)
class KeywordColumn:
    """One keyword field, both ways."""

    codes: Ragged  # int32 codes of each row, in catalogue order
    names: Dictionary  # code → string and back
    postings: Ragged  # int32 rows of each code, ascending

    def single(self, rows: Rows) -> I32:
        """Return the first code of each row, -1 where it has none. (n,)"""
        start, end = self.codes.offsets[rows], self.codes.offsets[rows + 1]
        out = np.full(rows.size, -1, np.int32)
        has = end > start
        out[has] = self.codes.values[start[has]]
        return out


Columns: TypeAlias = tuple[dict[str, TokenColumn], dict[str, F64], dict[str, KeywordColumn]]


@dataclass(frozen=True, slots=True)
class Documents:
    """The immutable table of one snapshot, or of a view of it. Every column has one entry a row.

    A view's columns go on behind the snapshot's own rows; df, average lengths and postings speak of
    those alone. Numbers that were changed in place stand in `patches`: `heads`, `numbers_of` and
    `shown` tell them as they are, a column as it was written.
    """

    schema: Schema
    ids: Dictionary  # (n,)
    payload: Strings  # (n,) JSON bytes
    terms: Dictionary
    tokens: Mapping[str, TokenColumn]
    numbers: Mapping[str, F64]  # each (n,)
    keywords: Mapping[str, KeywordColumn]
    rows: RowStore
    vectors: F32 | None  # (n, dim) unit length; a zero row where nothing could be encoded
    counted: int  # rows that statistics and postings speak of; those behind are newer
    dead: Bools | None = None  # (n,) rows that are no documents any more
    versions: I64 | None = None  # (n,)
    patches: Patches | None = None  # numbers and shown keys that were changed in place
    places: Places = NOWHERE  # of the snapshot's own rows

    def __len__(self) -> int:
        return len(self.ids)

    def heads(self, rows: Rows) -> tuple[F64, F32]:
        """Return the numbers (m, rows) as they are and the token counts (fields, rows)."""
        numbers, lengths = self.rows.heads(rows)
        if self.patches is not None:
            self.patches.correct(numbers, rows)
        return numbers, lengths

    def numbers_of(self, field: str, rows: Rows) -> F64:
        """Return one numeric column of some rows as it is, NaN where missing. (rows,)"""
        values = self.numbers[field].take(rows)
        if self.patches is not None:
            places = places_among(rows, self.patches.rows)
            known = places >= 0
            values[known] = self.patches.values[self.rows.number_fields[field], places[known]]
        return values

    def shown(self, row: int) -> bytes:
        """Return the row's JSON as it is shown."""
        raw = self.payload.raw(row)
        return raw if self.patches is None else self.patches.shown(row, raw)

    def shown_of(self, rows: Rows) -> list[bytes]:
        """Return the JSON of some rows as they are shown."""
        raw = self.payload.raw_of(rows)
        if self.patches is None:
            return raw
        return [self.patches.shown(row, r) for row, r in zip(rows.tolist(), raw, strict=True)]

    @property
    def has_places(self) -> bool:
        return "lat" in self.numbers and "lon" in self.numbers

    def row_of(self, id_: str) -> int:
        """Return the live row of a document, -1 where there is none."""
        return self.ids.find(id_)

    def document(self, row: int) -> Row:
        """Return the catalogue row, as it is shown."""
        shown: Row = orjson.loads(self.shown(row))
        return shown

    def version(self, row: int) -> int:
        """Return the seq of the document's last change, 0 where the catalogue brought it."""
        place = -1 if self.patches is None else self.patches.place(row)
        if self.patches is not None and place >= 0:
            return int(self.patches.seqs[place])
        return 0 if self.versions is None else int(self.versions[row])

    @property
    def live_count(self) -> int:
        return len(self) - (0 if self.dead is None else int(np.count_nonzero(self.dead)))

    @classmethod
    def open(cls, path: Path, schema: Schema) -> Documents:
        """Map the columns under `path`. The caller has verified the files."""
        if not (path / "rows.values.npy").exists():
            raise CorruptArtifact(f"{path} is of an earlier version: no rows.*; run: duolu reindex")
        tokens, numbers, keywords = _open_columns(path, schema)
        ids = Dictionary.open(path / "ids")
        return cls(
            schema=schema,
            ids=ids,
            payload=Strings.open(path / "payload"),
            terms=Dictionary.open(path / "terms"),
            tokens=tokens,
            numbers=numbers,
            keywords=keywords,
            rows=RowStore.open(path, row_columns(tokens, numbers, keywords)),
            vectors=_optional(path / "vectors"),
            counted=len(ids),
            dead=_optional(path / "dead"),
            versions=_optional(path / "versions"),
            places=Places(numbers["lat"], numbers["lon"]) if "lat" in numbers else NOWHERE,
        )


def _optional(path: Path) -> Any:
    return open_array(path) if path.with_name(path.name + ".npy").exists() else None


def save_row_store(path: Path, schema: Schema) -> None:
    """Write rows.* from the columns that stand under `path`."""
    RowStore.pack(row_columns(*_open_columns(path, schema))).save(path)


def _open_columns(path: Path, schema: Schema) -> Columns:
    numbers = {f.name: schema.slot(f.name) for f in schema.of_type(*NUMERIC)}
    if schema.of_type(FieldType.GEO):
        numbers |= {"lat": "lat", "lon": "lon"}
    keywords = schema.of_type(FieldType.KEYWORD)
    return (
        {f.name: _open_tokens(path / "tokens" / schema.slot(f.name)) for f in schema.searched},
        {name: open_array(path / "numbers" / slot) for name, slot in numbers.items()},
        {f.name: _open_keywords(path / "keywords" / schema.slot(f.name)) for f in keywords},
    )


def row_columns(
    tokens: Mapping[str, TokenColumn],
    numbers: Mapping[str, F64],
    keywords: Mapping[str, KeywordColumn],
) -> RowColumns:
    """Choose what a row's record holds."""
    return RowColumns(
        {name: column.tokens for name, column in tokens.items()},
        {name: keywords[name].codes for name in PREFERENCE_FIELDS if name in keywords},
        numbers,
        {name: column.df for name, column in tokens.items()},
    )


def _open_tokens(path: Path) -> TokenColumn:
    tokens = Ragged.open(path)
    df = open_array(path.with_name(path.name + ".df"))
    return TokenColumn(tokens, df, average_length(tokens))


def _open_keywords(path: Path) -> KeywordColumn:
    return KeywordColumn(
        codes=Ragged.open(path.with_name(path.name + ".codes")),
        names=Dictionary.open(path.with_name(path.name + ".names")),
        postings=Ragged.open(path.with_name(path.name + ".postings")),
    )
