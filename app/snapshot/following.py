"""A snapshot and everything that came after it in the document log.

It takes entries as they come and gives the *view* at any point that it has read: the same row
numbers, terms and values in every process that reads the same log. Views share their arrays, so
that one costs two bytes a document (which rows are alive) whatever else it shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson

from app.corpus.changes import Effect, Resolver, merge
from app.corpus.growing import Growing
from app.corpus.growing_documents import GrowingDocuments
from app.corpus.patches import Patches
from app.corpus.rows import Row
from app.corpus.schema import Schema
from app.domain.arrays import F64, I64, Bools, Rows
from app.domain.changes import Entry, Op
from app.domain.filters import RowMask
from app.domain.pause import Pause, go_on
from app.snapshot.overlay import Overlay
from app.snapshot.snapshot import Snapshot

AT_ONCE = 256  # rows analysed and laid out together: what they cost beside their words is shared
NOW = np.iinfo(np.int64).max


class Following:
    """One thread takes entries; any thread may ask for views."""

    def __init__(self, own: Snapshot) -> None:
        self.own = own
        self.seq = own.log_seq  # views up to here can be asked for
        self.size = len(own)  # rows, dead ones among them
        self._documents = GrowingDocuments(own.documents, own.analyzer, own.encoder)
        self._row_of: dict[str, int] = {}  # ids that were touched; -1: deleted
        self._patched_of: dict[int, _Patched] = {}  # row → all that was patched of it
        self._dead = _Marks()
        self._patches = _Marks()
        self._numbers = Growing(np.empty((0, len(own.documents.numbers)), np.float64))
        self._keys: list[Mapping[str, Any]] = []

    def take(self, entries: Sequence[Entry], pause: Pause = go_on) -> None:
        """Take the entries that follow `seq` in the log, in order."""
        for start in range(0, len(entries), AT_ONCE):
            self._take(entries[start : start + AT_ONCE], pause)

    def at(self, seq: int) -> Snapshot:
        """Return the view at a point between the snapshot's own and `self.seq`."""
        if not self.own.log_seq <= seq <= self.seq:
            raise ValueError(f"{seq} lies outside [{self.own.log_seq}, {self.seq}]")
        died, first_row, n = self._dead.until(seq), len(self.own), self._documents.size(seq)
        patches = self._patches_at(seq, died)
        if n == first_row and not died.size and patches is None:
            return replace(self.own, log_seq=seq)
        own_dead = self.own.documents.dead
        dead: Bools = np.zeros(n, np.bool_)
        dead[:first_row] = False if own_dead is None else own_dead
        dead[died] = True
        return replace(
            self.own,
            documents=self._documents.view(seq, dead, patches),
            log_seq=seq,
            overlay=_overlay(dead, first_row, patches, len(self.own.documents.numbers)),
        )

    def _take(self, entries: Sequence[Entry], pause: Pause) -> None:
        resolver = Resolver(_Standing(self))
        effects = [resolver.apply(entry) for entry in entries]
        added = [e for e in effects if e.added is not None]
        if added:
            self._documents.append([e.document for e in added], [e.seq for e in added], pause)
        for entry, effect in zip(entries, effects, strict=True):
            if entry.op is Op.DELETE and effect.died is not None:
                self._documents.remove(entry.id, entry.seq)
        self._dead.add([(e.seq, e.died) for e in effects if e.died is not None])
        patches = zip(effects, entries, strict=True)
        self._patch(
            [(e, orjson.loads(entry.body)) for e, entry in patches if e.patched is not None]
        )
        self._row_of.update(resolver.rows)
        self.size += len(added)
        self.seq = entries[-1].seq

    def document(self, row: int) -> Row:
        """Return a row's document as it is now."""
        written: Row = orjson.loads(self._documents.view(self.seq).payload.raw(row))
        patched = self._patched_of.get(row)
        return merge(written, patched.keys) if patched else written

    def row_of(self, id_: str) -> int:
        """Return the row in which a document stands now, -1 where it is not there."""
        row = self._row_of.get(id_)
        return self.own.documents.ids.find(id_) if row is None else row

    def _patch(self, patches: Sequence[tuple[Effect, Mapping[str, Any]]]) -> None:
        """Write down the numbers of each patched row as they are from then on."""
        if not patches:
            return
        marks = [(effect.seq, effect.patched or 0) for effect, _ in patches]
        store = self._documents.view(NOW).rows
        numbers, _ = store.heads(np.array([row for _, row in marks], np.int32))
        for i, (effect, keys) in enumerate(patches):
            before = self._patched_of.get(marks[i][1], _UNPATCHED)
            after = _Patched({**before.keys, **keys}, {**before.values, **effect.values})
            for name, value in after.values.items():
                numbers[store.number_fields[name], i] = np.nan if value is None else value
            self._patched_of[marks[i][1]] = after
            self._keys.append(after.keys)
        self._numbers.append(np.ascontiguousarray(numbers.T))
        self._patches.add(marks)

    def _patches_at(self, seq: int, dead: Rows) -> Patches | None:
        """Return what was patched of living rows: the last of each row until then counts."""
        rows = self._patches.until(seq)
        if not rows.size:
            return None
        latest, from_end = np.unique(rows[::-1], return_index=True)
        alive = ~np.isin(latest, dead)
        at = rows.size - 1 - from_end[alive]
        if not at.size:
            return None
        values: F64 = np.ascontiguousarray(self._numbers.view()[at].T)
        values.flags.writeable = False  # as columns are: kernels compile once a type
        keys = tuple(self._keys[i] for i in at.tolist())
        return Patches(latest[alive], values, keys, self._patches.seqs[at])


@dataclass(frozen=True, slots=True)
class _Patched:
    """All that was patched of one row."""

    keys: Mapping[str, Any]  # as the log says them
    values: Mapping[str, float | None]  # of numeric columns; None: missing


_UNPATCHED = _Patched({}, {})


@dataclass(frozen=True, slots=True)
class _Standing:
    """What stands before some entries, as the rule of changes reads it."""

    following: Following

    @property
    def schema(self) -> Schema:
        return self.following.own.documents.schema

    def __len__(self) -> int:
        return self.following.size

    def row_of(self, id_: str) -> int:
        return self.following.row_of(id_)

    def document(self, row: int) -> Row:
        return self.following.document(row)


class _Marks:
    """Rows to which something happened, each at its seq."""

    def __init__(self) -> None:
        self._seqs = Growing(np.empty(0, np.int64))
        self._rows = Growing(np.empty(0, np.int32))

    def add(self, marks: Sequence[tuple[int, int]]) -> None:
        """Add (seq, row) pairs, ascending by seq."""
        self._rows.append(np.array([row for _, row in marks], np.int32))
        self._seqs.append(np.array([seq for seq, _ in marks], np.int64))

    @property
    def seqs(self) -> I64:
        return self._seqs.view()

    def until(self, seq: int) -> Rows:
        """Return the rows, in the order of the log."""
        rows: Rows = self._rows.view(int(np.searchsorted(self.seqs, seq, side="right")))
        return rows


def _overlay(dead: Bools, first_row: int, patches: Patches | None, numbers: int) -> Overlay:
    rows = np.flatnonzero(~dead[first_row:]).astype(np.int32) + np.int32(first_row)
    gone = np.flatnonzero(dead).astype(np.int32)
    return Overlay(
        first_row, rows, gone,
        np.empty(0, np.int32) if patches is None else patches.rows,
        np.empty((numbers, 0), np.float64) if patches is None else patches.values,
        RowMask(~dead, dead.size - gone.size) if gone.size else None,
    )  # fmt: skip
