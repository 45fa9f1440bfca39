"""Tables on the views of one snapshot: what behaviour taught follows a document to its newest row.

Columns by row grow with the rows; a document that was replaced keeps its counts, and one that was
deleted is gone like one that the snapshot never had.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np

from app.corpus.documents import Documents
from app.corpus.growing import Growing
from app.domain.arrays import F32, I32, Rows
from app.snapshot.counters import Counters, FieldCounters, smoothed
from app.snapshot.overlay import Overlay
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables


class FollowingTables:
    """Any thread may ask; rows are looked up once."""

    def __init__(self, own: Tables) -> None:
        """Take the tables as opened on the snapshot itself; `own` are the same in our arrays."""
        self._lock = threading.Lock()
        self._ordinal_of = Growing(own.ordinal_of)
        self._counters = {name: Growing(column) for name, column in own.counters.items()}
        windows = own.windows
        self._windows = None if windows is None else Growing(windows.documents)
        self._codes = {} if windows is None else {n: Growing(f.codes) for n, f in
                                                  windows.fields.items()}  # fmt: skip

        self._own = own
        self.own = self._own = self._first(own.ordinal_of.size, own.row_of)

    def at(self, view: Snapshot) -> Tables:
        """Return the tables of a view."""
        with self._lock:
            if len(view) > self._ordinal_of.size:
                self._grow(view.documents)
        return self._first(len(view), self._row_of(view.overlay))

    def _first(self, n: int, row_of: I32) -> Tables:
        """Return the tables of the first n rows."""
        return replace(
            self._own,
            row_of=row_of,
            ordinal_of=self._ordinal_of.view(n),
            counters={name: column.view(n) for name, column in self._counters.items()},
            windows=self._windows_at(n),
        )

    def _grow(self, documents: Documents) -> None:
        rows = np.arange(self._ordinal_of.size, len(documents), dtype=np.int32)
        ids = [documents.ids.strings[row] for row in rows.tolist()]
        learned = self._own.learned
        ordinals = np.full(rows.size, -1, np.int32)
        if learned is not None:
            ordinals = learned.documents.find_all(ids)
            for name, column in self._counters.items():
                column.append(_taken(learned.counters[name], ordinals))
        else:
            for column in self._counters.values():
                column.append(np.zeros(rows.size, np.float32))
        self._grow_windows(documents, rows, ordinals)
        self._ordinal_of.append(ordinals)

    def _grow_windows(self, documents: Documents, rows: Rows, ordinals: I32) -> None:
        windows = self._own.windows
        if windows is None or self._windows is None:
            return
        counted = _taken(windows.counted.documents, ordinals)
        self._windows.append(smoothed(counted, *windows.counted.prior("documents")))
        for name, codes in self._codes.items():
            found = documents.keywords[name].single(rows)
            known = len(windows.fields[name].block) - 1  # a newer value was never counted
            codes.append(np.where(found < known, found, -1).astype(np.int32))

    def _row_of(self, overlay: Overlay | None) -> I32:
        """Return the row of each ordinal, -1 where the document is gone. (ordinals,)"""
        if overlay is None:
            return self._own.row_of
        ordinal_of = self._ordinal_of.view()
        left, came = ordinal_of[overlay.dead], ordinal_of[overlay.rows]
        if not (left >= 0).any() and not (came >= 0).any():
            return self._own.row_of
        row_of = self._own.row_of.copy()
        row_of[left[left >= 0]] = -1
        row_of[came[came >= 0]] = overlay.rows[came >= 0]
        return row_of

    def _windows_at(self, n: int) -> Counters | None:
        windows = self._own.windows
        if windows is None or self._windows is None:
            return None
        fields = {
            name: FieldCounters(self._codes[name].view(n), one.block)
            for name, one in windows.fields.items()
        }
        return replace(windows, documents=self._windows.view(n), fields=fields)


def _taken(by_ordinal: F32, ordinals: I32) -> F32:
    """Return the ordinals' entries, zeros for -1. (m, …)"""
    out = np.zeros((ordinals.size, *by_ordinal.shape[1:]), np.float32)
    out[ordinals >= 0] = by_ordinal[ordinals[ordinals >= 0]]
    return out
