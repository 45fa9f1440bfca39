"""What was changed in place of rows: readers take what was written, then correct it here.

Numbers and keys that are only shown change so (see `changes`); no index holds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numba import njit

from app.corpus.changes import merge
from app.domain.arrays import F64, I32, I64, Rows


@dataclass(frozen=True, slots=True)
class Patches:
    """The rows that were changed since they were written, as of one point of the log."""

    rows: Rows  # (p,) ascending
    values: F64  # (numbers, p) every numeric column of them, unchanged ones as they stand
    keys: tuple[Mapping[str, Any], ...]  # (p,) what to change in the payload; None takes a key away
    seqs: I64  # (p,) of the last change of each

    def correct(self, numbers: F64, rows: Rows) -> None:
        """Overwrite in (numbers, n) what was changed of these rows."""
        _correct(numbers, rows, self.rows, self.values)

    def place(self, row: int) -> int:
        """Return where the row stands among the patched, -1 where it does not."""
        at = int(self.rows.searchsorted(np.int32(row)))  # of another type, all would be converted
        return at if at < self.rows.size and self.rows[at] == row else -1

    def shown(self, row: int, payload: bytes) -> bytes:
        """Return the row's JSON with what was changed of it."""
        at = self.place(row)
        return payload if at < 0 else orjson.dumps(merge(orjson.loads(payload), self.keys[at]))


@njit(cache=True, nogil=True)
def places_among(rows: Rows, patched: Rows) -> I32:
    """Return where each row stands in `patched`, ascending; -1 where it does not. (n,)"""
    out = np.full(rows.size, -1, np.int32)
    for i in range(rows.size):
        at = np.searchsorted(patched, rows[i])
        if at < patched.size and patched[at] == rows[i]:
            out[i] = at
    return out


@njit(cache=True, nogil=True)
def _correct(numbers: F64, rows: Rows, patched: Rows, values: F64) -> None:
    places = places_among(rows, patched)
    for i in range(rows.size):
        if places[i] >= 0:
            for j in range(numbers.shape[0]):
                numbers[j, i] = values[j, places[i]]
