"""The rows that a request may see: what filters and rules allow of what is alive."""

from __future__ import annotations

from app.corpus.masks import row_mask
from app.domain.filters import AllOf, Filter, Not, RowMask
from app.snapshot.snapshot import Snapshot


def visible_rows(
    filters: Filter | None, snapshot: Snapshot, without: Filter | None = None
) -> RowMask | None:
    """Return the mask that every channel applies; None where every row may be seen.

    `without`: what no row may match, whatever the filters allow.
    """
    overlay = snapshot.overlay
    if without is not None:
        filters = Not(without) if filters is None else AllOf((filters, Not(without)))
    if filters is None:
        return None if overlay is None else overlay.alive
    mask = row_mask(filters, snapshot.documents)
    if overlay is None or not overlay.dead.size:
        return mask
    dead_and_allowed = int(mask.allowed[overlay.dead].sum())
    mask.allowed[overlay.dead] = False
    return RowMask(mask.allowed, mask.count - dead_and_allowed)
