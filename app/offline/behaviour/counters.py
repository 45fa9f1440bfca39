"""Count showings by document, query, query × document, hour of the day and place.

Each showing lies in the hour bucket of its age, in whole hours before the tables' moment. All sums
are of integers: decay is a whole weight in units of 2⁻³⁰, so that no order of addition matters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from app.corpus.event_columns import EventColumns
from app.corpus.ragged import Dictionary, Ragged
from app.domain.arrays import F32, I32, I64, Bools
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.memory import QueryTerms
from app.offline.behaviour.showings import showings_of
from app.snapshot.counters import (
    HOUR_MS,
    HOURS_A_DAY,
    WINDOW_HOURS,
    WINDOWS,
    Counted,
    fit_prior,
)

UNIT_BITS = 30
UNIT = 1 << UNIT_BITS
_HOURS = np.array(tuple(WINDOW_HOURS.values()), np.int64)
_DECAYED, _ALL = WINDOWS.index("decayed"), WINDOWS.index("all")


def count_showings(
    events: EventColumns,
    queries: QueryTerms,
    ordinal: I32,
    as_of_ms: int,
    config: TableConfig,
) -> Counted:
    """Count events, all of which are before `as_of_ms`. `ordinal`: document code → ordinal."""
    showings = showings_of(events, queries)
    counter = _Counter(
        (as_of_ms - 1 - showings.ts_ms) // HOUR_MS,
        showings.is_clicked,
        decay_weights(config.counter_half_life_days),
    )
    document = ordinal[showings.document]
    by_document = counter.by(document, int(ordinal.max(initial=-1)) + 1)
    asked, query = _renumbered(showings.query, len(queries.key.names))
    told, cell = _renumbered(showings.cell, showings.cells.size)
    hour = ((showings.ts_ms // HOUR_MS) % HOURS_A_DAY).astype(np.int32)
    shown, pairs = counter.by_pair(query, asked.size, document, by_document.shape[0])
    blocks = {
        "documents": by_document,
        "queries": counter.by(query, asked.size),
        "pairs": pairs,
        "hours": counter.by(hour, HOURS_A_DAY),
        "places": counter.by(cell, told.size),
    }
    return Counted(
        texts=Dictionary.pack([queries.key.names[code] for code in asked]),
        shown=shown,
        cells=showings.cells[told],
        priors=np.array([fit_prior(block) for block in blocks.values()]),
        tally=showings.tally,
        **blocks,
    )


def decay_weights(half_life_days: float) -> I64:
    """Return what a showing weighs by its age in hours, in units of 2⁻³⁰; nothing beyond. (h,)"""
    hours = int(np.ceil(half_life_days * HOURS_A_DAY * (UNIT_BITS + 1)))
    ages = np.arange(hours) / (half_life_days * HOURS_A_DAY)
    weights: I64 = np.rint(np.exp2(-ages) * UNIT).astype(np.int64)
    return weights


class _Counter(NamedTuple):
    """Showings about to be counted by one key after another."""

    ages_h: I64  # (s,)
    is_clicked: Bools  # (s,)
    weights: I64

    def by(self, codes: I32, keys: int) -> F32:
        """Count the showings of each code, -1 none of them. (keys, 12)"""
        order, offsets = _sorted_by(codes, keys)
        block: F32 = _count(order, offsets, *self)
        return block

    def by_pair(
        self, query: I32, queries: int, document: I32, documents: int
    ) -> tuple[Ragged, F32]:
        """Count each query's documents: ordinals by query, ascending, and their block."""
        order, _ = _sorted_by(document, documents)
        within, starts = _sorted_by(query[order], queries)
        order = order[within]
        mine, theirs = query[order], document[order]
        is_new = np.ones(order.size, np.bool_)
        is_new[1:] = (mine[1:] != mine[:-1]) | (theirs[1:] != theirs[:-1])
        at = np.flatnonzero(is_new)
        offsets = np.searchsorted(at, starts)
        counts = _count(order, np.append(at, order.size), *self)
        return Ragged(offsets, theirs[at]), counts


def _renumbered(codes: I32, size: int) -> tuple[I64, I32]:
    """Return the codes that occur, ascending, and each entry's place among them; -1 stays."""
    is_used = np.zeros(size + 1, np.bool_)
    is_used[codes] = True
    used = np.flatnonzero(is_used[:size])
    number = np.full(size + 1, -1, np.int32)  # code -1 finds the last
    number[used] = np.arange(used.size)
    return used, number[codes]


@njit(cache=True, nogil=True)
def _sorted_by(codes: I32, keys: int) -> tuple[I64, I64]:
    """Sort by counting: indices by (code, index), without those of code -1, and where each starts.

    Returns order (m,) and offsets (keys + 1,).
    """
    offsets = np.zeros(keys + 1, np.int64)
    for code in codes:
        if code >= 0:
            offsets[code + 1] += 1
    for key in range(keys):
        offsets[key + 1] += offsets[key]
    order, ends = np.empty(offsets[keys], np.int64), offsets[:-1].copy()
    for i in range(codes.size):
        if codes[i] >= 0:
            order[ends[codes[i]]] = i
            ends[codes[i]] += 1
    return order, offsets


@njit(cache=True, nogil=True)
def _count(order: I64, offsets: I64, ages_h: I64, is_clicked: Bools, weights: I64) -> F32:
    """Sum each key's showings in every window. (keys, 12)"""
    width, windows = _ALL + 1, _HOURS.size
    out = np.empty((offsets.size - 1, 2 * width), np.float32)
    sums = np.zeros(2 * width, np.int64)
    for key in range(offsets.size - 1):
        sums[:] = 0
        for at in range(offsets[key], offsets[key + 1]):
            i = order[at]
            for side in range(2 if is_clicked[i] else 1):
                for w in range(windows):
                    sums[side * width + w] += ages_h[i] < _HOURS[w]
                if ages_h[i] < weights.size:
                    sums[side * width + _DECAYED] += weights[ages_h[i]]
                sums[side * width + _ALL] += 1
        for j in range(2 * width):
            scale = UNIT if j % width == _DECAYED else 1
            out[key, j] = sums[j] / scale
    return out
