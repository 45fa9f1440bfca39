"""What channels work out of rows that came or changed after the snapshot: once a row, not a view.

Views follow each other several times a second, and all but a few of a view's newer rows are those
of the view before. What was worked out of them stays, for rows never change where they stand; what
patches change stands in the overlay and is worked out in each view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from app.corpus.growing import Growing
from app.domain.arrays import Array, Rows
from app.recall.newer import loose_rows
from app.snapshot.overlay import Overlay

Work = Callable[[Rows], Array]
"""Works something out of each of some rows by itself, whatever rows stand beside it. (m, …)"""


@dataclass(frozen=True, slots=True)
class OncePerRow:
    """One entry for each row behind the snapshot's own, in the order of rows."""

    first_row: int
    known: Growing  # shared with earlier and later views
    count: int = 0  # entries of this view

    @classmethod
    def after(cls, first_row: int, shape: tuple[int, ...] = (), dtype: type = np.float32) -> Self:
        """Begin with no entry. `shape` is that of one."""
        return cls(first_row, Growing(np.empty((0, *shape), dtype)))

    def follow(self, n: int, work: Work) -> Self:
        """Return the entries of a view of `n` rows; `work` gives those that are not known yet."""
        last = self if self.known.size == self.count <= n - self.first_row else self._anew()
        new = np.arange(self.first_row + last.count, n, dtype=np.int32)
        if new.size:
            last.known.append(work(new))
        return replace(last, count=n - self.first_row)

    def of(self, rows: Rows) -> Array:
        """Return the entries of some newer rows. (m, …)"""
        entries: Array = self.all[rows - np.int32(self.first_row)]
        return entries

    @property
    def all(self) -> Array:
        """Every entry, by row − first_row. (count, …)"""
        return self.known.view(self.count)

    def _anew(self) -> Self:
        """Begin again: another view went on from the same one, or this is an earlier one."""
        known = self.known.view(0)
        return type(self)(self.first_row, Growing(known))


def of_loose_rows(overlay: Overlay, once: OncePerRow, work: Work) -> tuple[Rows, Array]:
    """Return a view's loose rows, ascending, and what `work` gives of them. (m,), (m, …)"""
    rows = loose_rows(overlay)
    known = once.of(overlay.rows)
    patched = np.flatnonzero(overlay.place_of(rows) >= 0)
    if not patched.size:
        return rows, known
    values = np.empty((rows.size, *known.shape[1:]), known.dtype)
    values[rows.size - overlay.rows.size :] = known
    values[patched] = work(rows[patched])
    return rows, values
