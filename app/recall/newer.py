"""Rows that are newer than the snapshot, beside a channel's index of the snapshot's own rows.

A channel's index knows rows below `Overlay.first_row` only. What came later is little, and is
looked at row by row; the two are then put in one order. Dead rows are in nobody's mask.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from app.domain.arrays import F32, F64, Array, Bools, Rows
from app.domain.filters import RowMask
from app.snapshot.context import SearchContext
from app.snapshot.overlay import Overlay
from app.snapshot.snapshot import Snapshot

NO_ROWS: Rows = np.empty(0, np.int32)


def base_part(mask: RowMask | None, n: int) -> RowMask | None:
    """Narrow a mask to the snapshot's own `n` rows."""
    if mask is None or mask.allowed.size == n:
        return mask
    later = int(np.count_nonzero(mask.allowed[n:]))
    return RowMask(mask.allowed[:n], mask.count - later)


def is_filtered(ctx: SearchContext) -> bool:
    """Tell whether the request leaves out more than the dead."""
    overlay = ctx.snapshot.overlay
    return ctx.mask is not (None if overlay is None else overlay.alive)


def allowed_rows(rows: Array, ctx: SearchContext) -> Array:
    """Return those of some living rows of the view that the request allows, in their order."""
    return rows[ctx.mask.allowed[rows]] if ctx.mask is not None and is_filtered(ctx) else rows


def floor_of(scores: F32, k: int) -> float:
    """Return what any further row must score to be among the best k; 0 where all may be.

    scores: (m,) falling. For channels where what scores below 0 is no match.
    """
    return float(scores[k - 1]) if scores.size >= k > 0 else 0.0


def loose_rows(overlay: Overlay) -> Rows:
    """Return rows that an order of numbers made at opening does not hold, ascending.

    They are newer than the snapshot, or their numbers were changed since.
    """
    patched = overlay.patched[overlay.patched < overlay.first_row]
    return np.concatenate([patched, overlay.rows]).astype(np.int32, copy=False)


def numbers_of(view: Snapshot, rows: Rows, fields: Iterable[str]) -> dict[str, F64]:
    """Return these fields of some rows as they stand in the view. Each (m,)"""
    documents, overlay = view.documents, view.overlay
    columns = {f: documents.numbers[f][rows] for f in fields}
    if overlay is None or not columns:
        return columns
    at = overlay.place_of(rows)
    for name, column in columns.items():
        place = documents.rows.number_fields[name]
        column[at >= 0] = overlay.values[place, at[at >= 0]]
    return columns


@dataclass(frozen=True, slots=True)
class Steady:
    """The snapshot's own rows whose numbers are as they were when it was opened."""

    n: int  # rows of the snapshot
    changed: Bools | None = None  # (n,) the others; None where there are none
    standing: RowMask | None = None  # the mask of a search without a filter
    unfiltered: RowMask | None = None  # what that one leaves of these rows

    @classmethod
    def of(cls, view: Snapshot, n: int) -> Self:
        overlay = view.overlay
        if overlay is None:
            return cls(n)
        own, patched = base_part(overlay.alive, n), overlay.patched[overlay.patched < n]
        if not patched.size:
            return cls(n, None, overlay.alive, own)
        changed = np.zeros(n, np.bool_)
        changed[patched] = True
        return cls(n, changed, overlay.alive, without(own, changed))

    def is_filtered(self, ctx: SearchContext) -> bool:
        """Tell whether the request leaves out more than the dead."""
        return ctx.mask is not self.standing

    def mask(self, ctx: SearchContext) -> RowMask | None:
        """Return which of these rows the request allows. None allows all."""
        if not self.is_filtered(ctx):
            return self.unfiltered
        own = base_part(ctx.mask, self.n)
        return own if self.changed is None else without(own, self.changed)


def without(mask: RowMask | None, changed: Bools) -> RowMask:
    allowed = ~changed if mask is None else mask.allowed & ~changed
    return RowMask(allowed, int(np.count_nonzero(allowed)))
