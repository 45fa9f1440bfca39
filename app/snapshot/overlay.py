"""What is newer than the snapshot, at one point of the document log.

A *view* is a `Snapshot` whose columns go on behind the snapshot's own rows: documents that came
or changed since stand at the end, in the order of the log. What cannot be said by appending stands
here: which rows are gone, and which numbers were changed in place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.arrays import F64, Rows
from app.domain.filters import RowMask


@dataclass(frozen=True, slots=True)
class Overlay:
    """Every array is read-only and belongs to this view alone."""

    first_row: int  # rows below are the snapshot's own
    rows: Rows  # ascending, alive, ≥ first_row
    dead: Rows  # ascending: replaced or deleted rows, below first_row or above
    patched: Rows  # ascending: rows alive whose numbers were changed since they were written
    values: F64  # (numbers, patched) every numeric column of them, unchanged ones as they stand
    alive: RowMask | None  # of all rows of the view; None where nothing is dead

    def place_of(self, rows: Rows) -> Rows:
        """Return where each row stands in `patched`, -1 where it was not patched. (n,)"""
        if not self.patched.size:
            return np.full(rows.size, -1, np.int32)
        at = np.minimum(np.searchsorted(self.patched, rows), self.patched.size - 1)
        return np.where(self.patched[at] == rows, at, -1).astype(np.int32)
