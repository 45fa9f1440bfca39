"""Why candidates have their fused scores, where no model ranked: what each channel adds."""

from __future__ import annotations

import numpy as np

from app.domain.arrays import F64, I64, Rows
from app.merge.merger import Merger, SummingMerger
from app.pipeline.search import SearchResult
from app.rank.explanation import Explanation


def explain_fused(
    merger: Merger, result: SearchResult, places: I64, against: int | None
) -> Explanation | None:
    """Explain the candidates at `places` by their channels, which stand in as features.

    None where the merger's scores are no sums, and of a sorted list, which has no scores. A row
    that no channel returned has 0 of each.
    """
    candidates = result.candidates
    if not isinstance(merger, SummingMerger) or not candidates.channels or not places.size:
        return None
    rows, parts = merger.parts(result.hits)
    added = _of_rows(rows, parts, candidates.rows[places])
    apart = np.empty((0, 0))
    if against is not None:
        apart = added - _of_rows(rows, parts, candidates.rows[[against]])
    return Explanation(
        tuple(hits.channel for hits in result.hits), places, candidates.fused[places],
        candidates.scores[places], 0.0, added, apart,
    )  # fmt: skip


def _of_rows(rows: Rows, parts: F64, wanted: Rows) -> F64:
    """Pick the parts of some rows. rows: (n,) ascending; (n, c), (m,) → (m, c)"""
    if not rows.size:  # browsing: no channel returned anything
        return np.zeros((wanted.size, parts.shape[1]))
    at = np.minimum(np.searchsorted(rows, wanted), rows.size - 1)
    picked: F64 = np.where((rows[at] == wanted)[:, None], parts[at], 0.0)
    return picked
