"""What entries of the log do to rows: the one rule for the overlay and for compaction.

Rows are appended in the order of the log, so that every process numbers the same change alike:

| entry | what it does |
|---|---|
| put | a new row; the document's row before is dead |
| patch of numbers, bools, times and keys that are only shown | the row stays, its values change |
| patch of anything else | as a put of the merged document |
| delete | the row is dead |
| patch or delete of a document that is not there | nothing |

Row numbers are the base's rows, then one for each new row since the base's log_seq. A compaction up
to any number appends exactly these, so that rows keep their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from app.corpus.rows import Row
from app.corpus.schema import NUMERIC, Schema
from app.domain.changes import Entry, Op


class Base(Protocol):
    """The rows that the log goes on from, as Documents has them."""

    @property
    def schema(self) -> Schema: ...

    def __len__(self) -> int: ...

    def row_of(self, id_: str) -> int:
        """Return the live row of a document, -1 where there is none."""
        ...

    def document(self, row: int) -> Row: ...


@dataclass(frozen=True, slots=True)
class Effect:
    """What one entry does. Rows are None where nothing of the kind happens."""

    seq: int
    ts_ms: int
    added: int | None = None  # the new row's number
    died: int | None = None  # a row that is gone from here on
    patched: int | None = None  # a row that stays and whose `values` change
    values: Mapping[str, float | None] = field(
        default_factory=dict
    )  # number columns; None: missing
    document: Row = field(default_factory=dict)  # whole, as it is after a put or patch


@dataclass(slots=True)
class Resolver:
    """Follows the log upon one base. Entries come in order, each once.

    It keeps the row of every document that changed, and the documents that it cannot read from the
    base, as JSON.
    """

    base: Base
    next_row: int = -1
    rows: dict[str, int] = field(default_factory=dict)  # of documents that changed; -1: not there
    documents: dict[int, bytes] = field(default_factory=dict)  # of rows added or patched

    def __post_init__(self) -> None:
        if self.next_row < 0:
            self.next_row = len(self.base)

    def row_of(self, id_: str) -> int:
        """Return the row in which the document stands now, -1 where it is not there."""
        row = self.rows.get(id_)
        return self.base.row_of(id_) if row is None else row

    def document(self, row: int) -> Row:
        """Return a live row's document as it is now."""
        changed = self.documents.get(row)
        return self.base.document(row) if changed is None else orjson.loads(changed)

    def apply(self, entry: Entry) -> Effect:
        """Take the next entry and say what it does."""
        row = self.row_of(entry.id)
        match entry.op:
            case Op.PUT:
                return self._put(entry, row, orjson.loads(entry.body))
            case Op.PATCH if row >= 0:
                return self._patch(entry, row, orjson.loads(entry.body))
            case Op.DELETE if row >= 0:
                self.rows[entry.id] = -1
                self.documents.pop(row, None)
                return Effect(entry.seq, entry.ts_ms, died=row)
        return Effect(entry.seq, entry.ts_ms)

    def _put(self, entry: Entry, before: int, document: Row) -> Effect:
        row, self.next_row = self.next_row, self.next_row + 1
        self.rows[entry.id] = row
        self.documents.pop(before, None)
        self.documents[row] = orjson.dumps(document)
        died = before if before >= 0 else None
        return Effect(entry.seq, entry.ts_ms, added=row, died=died, document=document)

    def _patch(self, entry: Entry, row: int, keys: Row) -> Effect:
        merged = merge(self.document(row), keys)
        if not stays(keys, self.base.schema):
            return self._put(entry, row, merged)
        self.documents[row] = orjson.dumps(merged)
        values = number_values(keys, self.base.schema)
        return Effect(entry.seq, entry.ts_ms, patched=row, values=values, document=merged)


def merge(document: Row, keys: Mapping[str, Any]) -> Row:
    """Return the document with keys replaced, and those that are null taken away."""
    merged = {**document, **keys}
    return {name: value for name, value in merged.items() if value is not None}


def stays(keys: Mapping[str, Any], schema: Schema) -> bool:
    """Tell whether a patch of these keys leaves a row where it is: no index holds their values."""
    return all(_is_number(name, schema) or _is_only_shown(name, schema) for name in keys)


def number_values(keys: Mapping[str, Any], schema: Schema) -> dict[str, float | None]:
    """Return what a patch writes into number columns: bools as 0 and 1, None where it takes away.

    What is no number, though the column has numbers, is only shown.
    """
    return {
        name: float(value) if isinstance(value, int | float) else None
        for name, value in keys.items()
        if _is_number(name, schema)
    }


def _is_number(name: str, schema: Schema) -> bool:
    spec = schema.fields.get(name)
    return spec is not None and spec.type in NUMERIC


def _is_only_shown(name: str, schema: Schema) -> bool:
    return name not in schema.fields and name not in ("lat", "lon")
