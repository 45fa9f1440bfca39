"""Who was shown what, once each, and whether it was clicked: what every counter counts.

A document shown twice in one request was shown once, and clicked twice was clicked once. A click
belongs to the impression of its request; a click on what its request did not show counts nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit

from app.corpus.event_columns import EventColumns
from app.domain.arrays import I32, I64, Bools
from app.domain.events import CLICK
from app.offline.behaviour.actions import said
from app.offline.behaviour.memory import QueryTerms
from app.snapshot.counters import cell_of

LEFT_OUT: Mapping[str, str] = {
    "shown_again": "impressions of what the request had shown before",
    "clicked_again": "further clicks on what was clicked before",
    "clicked_unshown": "clicks on what the request had not shown",
}
"""What a tally names, in words."""


@dataclass(frozen=True, slots=True)
class Showings:
    """One entry a document shown in a request, in order of time. (s,)"""

    document: I32  # document code
    query: I32  # code of the memory key, -1 where nothing was typed
    cell: I32  # place in `cells` of where it was asked, -1 where unknown
    cells: I64  # (c,) ascending, see cell_of
    ts_ms: I64
    is_clicked: Bools
    tally: Mapping[str, int]  # what was counted, and what was left out and why


def showings_of(events: EventColumns, queries: QueryTerms) -> Showings:
    """Join impressions and clicks by request. What an impression leaves unsaid, others say."""
    shown = events.impressions()
    in_time = np.argsort(shown.event, kind="stable")
    event, document = shown.event[in_time], shown.document[in_time]
    clicks = np.flatnonzero(
        (events.action.codes == events.code_of(CLICK)) & (events.document.codes >= 0)
    )
    first, is_clicked, again, unshown = _join(
        _keys(events, event, document), _keys(events, clicks, events.document.codes[clicks])
    )
    event, document, is_clicked = event[first], document[first], is_clicked[first]
    typed = said(events.query.codes, events)
    keys = np.append(queries.key.codes, np.int32(-1))  # code -1 finds the last
    tally = {
        "impressions": int(event.size), "clicks": int(np.count_nonzero(is_clicked)),
        "shown_again": int(first.size - event.size), "clicked_again": int(again),
        "clicked_unshown": int(unshown),
    }  # fmt: skip
    cells, cell = _cells(events)
    return Showings(
        document,
        keys[typed][event],
        said(cell, events)[event],
        cells,
        events.ts_ms[event],
        is_clicked,
        tally,
    )


def _keys(events: EventColumns, event: I64, document: I32) -> I64:
    """Return one number a request and document, -1 outside of any request."""
    request = events.request.codes[event].astype(np.int64)
    return np.where(request >= 0, request * len(events.document.names) + document, -1)


def _cells(events: EventColumns) -> tuple[I64, I32]:
    """Return the cells that events tell of, and each event's place among them, -1 without one."""
    is_known = np.isfinite(events.lat) & np.isfinite(events.lon)
    told = cell_of(events.lat[is_known], events.lon[is_known]).astype(np.int64)
    cells, place = np.unique(told, return_inverse=True)
    codes = np.full(len(events), -1, np.int32)
    codes[is_known] = place
    return cells, codes


@njit(cache=True, nogil=True)
def _join(shown: I64, clicked: I64) -> tuple[Bools, Bools, int, int]:
    """Find each key's first place, and the places that were clicked. Key -1 is like no other.

    Returns is_first (s,), is_clicked (s,), clicks beyond the first and clicks on nothing shown.
    Open addressing, at most half full, Fibonacci hashing (Knuth, vol. 3, 6.4).
    """
    bits = 4
    while (1 << bits) < 2 * shown.size:
        bits += 1
    table = np.full(1 << bits, -1, np.int64)
    is_first, is_clicked = np.ones(shown.size, np.bool_), np.zeros(shown.size, np.bool_)
    for i in range(shown.size):
        if shown[i] >= 0:
            at = _slot_of(table, shown, shown[i], bits)
            is_first[i] = table[at] < 0
            if is_first[i]:
                table[at] = i
    again = unshown = 0
    for key in clicked:
        place = table[_slot_of(table, shown, key, bits)] if key >= 0 else -1
        if place < 0:
            unshown += 1
        else:
            again += is_clicked[place]
            is_clicked[place] = True
    return is_first, is_clicked, again, unshown


@njit(cache=True, nogil=True)
def _slot_of(table: I64, keys: I64, key: int, bits: int) -> int:
    """Return the slot that holds the key, or the empty one where it belongs."""
    at = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits))
    while table[at] >= 0 and keys[table[at]] != key:
        at = (at + 1) & (table.size - 1)
    return int(at)
