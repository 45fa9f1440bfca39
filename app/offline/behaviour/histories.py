"""What each person acted on, newest first."""

from __future__ import annotations

import numpy as np

from app.corpus.event_columns import EventColumns
from app.corpus.ragged import Dictionary, Ragged
from app.domain.arrays import F64, I32, I64, Array
from app.offline.behaviour.actions import Actions
from app.offline.behaviour.best import summed
from app.offline.behaviour.people import People
from app.snapshot.histories import Histories


def newest(owner: Array, document: I32, gain: F64, keep: int) -> tuple[I64, I32, I64, F64]:
    """Return owner, document, index of the last action and Σ gain, by (owner, newest first).

    Entries come in order of time; at most `keep` documents an owner are kept.
    """
    owners, documents, gains = summed(owner, document, gain)
    last = np.empty(owners.size, np.int64)
    width = int(document.max(initial=0)) + 1
    last[np.searchsorted(owners * width + documents, owner.astype(np.int64) * width + document)] = (
        np.arange(owner.size)  # the last assignment wins: the newest action
    )
    order = np.lexsort((-last, owners))
    starts = np.searchsorted(owners[order], owners[order])
    order = order[np.arange(order.size) - starts < keep]
    return owners[order], documents[order], last[order], gains[order]


def histories(events: EventColumns, actions: Actions, people: People, keep: int) -> Histories:
    """Write down persons who did something or were joined of several ids, under every id.

    Of joined ones that did nothing yet it must be known that what one id does, all did.
    """
    known = actions.take(actions.person >= 0)
    owners, documents, last, gains = newest(known.person, known.document, known.gain, keep)
    alive = np.zeros(people.count, np.bool_)
    alive[owners] = True
    alive |= people.sizes > 1
    names, person = people.aliases(events, alive)
    number = np.cumsum(alive) - 1
    offsets = np.zeros(int(alive.sum()) + 1, np.int64)
    np.cumsum(np.bincount(number[owners], minlength=offsets.size - 1), out=offsets[1:])
    return Histories(
        Dictionary.pack(names),
        number[person].astype(np.int32),
        Ragged(offsets, documents),
        known.ts_ms[last],
        gains.astype(np.float32),
    )
