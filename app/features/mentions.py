"""How many of the values that a query names each candidate holds, read off its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numba import njit

from app.domain.arrays import F32, I32, I64
from app.domain.reading import Mention

Named: TypeAlias = I64
"""(options, 3) mention, place of the field in a record, code: a row needs one of a mention's."""

NOTHING_NAMED: Named = np.empty((0, 3), np.int64)


def named_of(mentions: Sequence[Mention], places: Mapping[str, int]) -> Named | None:
    """Return what the mentions name, None where records do not hold one of the fields.

    `places`: field → its place in a record.
    """
    options = [(at, *option) for at, mention in enumerate(mentions) for option in mention.options]
    if not options:
        return NOTHING_NAMED
    if any(field not in places for _, field, _ in options):
        return None
    return np.array([(at, places[field], code) for at, field, code in options], np.int64)


@njit(cache=True, nogil=True)
def mentions_held(values: I32, starts: I64, counts: int, codes: I64, named: Named) -> F32:
    """Return how many of the mentions each row holds. (n,)

    Row i has values[starts[i] + counts + p] codes of field p; those of all begin at codes[i].
    """
    out = np.zeros(starts.size, np.float32)
    for i in range(starts.size if named.size else 0):
        last = np.int64(-1)  # the mention that was held last
        for k in range(named.shape[0]):
            mention, field, code = named[k, 0], named[k, 1], named[k, 2]
            if mention != last and _holds(values, starts[i] + counts, codes[i], field, code):
                last = mention
                out[i] += np.float32(1.0)
    return out


@njit(cache=True, nogil=True)
def _holds(values: I32, counts: int, place: int, field: int, code: int) -> bool:
    """Tell whether a row has the code in the field."""
    for p in range(field):
        place += values[np.uintp(counts + p)]
    for at in range(values[np.uintp(counts + field)]):
        if values[np.uintp(place + at)] == code:
            return True
    return False
