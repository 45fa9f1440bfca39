"""How well rows meet a person's keyword preferences, read from the rows' own codes.

A value is worth affinity · idf, so what half the catalogue has is worth little. Given the score
that a row must reach, the values that cannot reach it together need no look at their postings
(MaxScore: Turtle & Flood 1995); rows found by the others are read forward.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from app.corpus.documents import KeywordColumn
from app.domain.arrays import F64, I32, I64, Rows
from app.domain.user import Preference

ROUNDING = 1 + 1e-6  # bounds are summed in another order than scores


@dataclass(frozen=True, slots=True)
class FieldTaste:
    """What each value of one keyword field is worth to a person."""

    column: KeywordColumn
    codes: I32  # (v,) distinct
    values: F64  # (v,) above 0, falling

    @classmethod
    def of(
        cls, column: KeywordColumn, preference: Preference, most: int, weight: float
    ) -> FieldTaste:
        """Take the `most` values that tell most of a person; the strongest is worth `weight`."""
        codes = preference.codes[preference.weights > 0]
        df = column.postings.offsets[codes + 1] - column.postings.offsets[codes]
        idf = np.log1p(len(column.codes) / np.maximum(df, 1))
        values = preference.weights[preference.weights > 0] * idf
        best = np.lexsort((codes, -values))[:most]
        scaled = weight * values[best] / max(values.max(initial=0), 1e-300)
        return cls(column, codes[best], scaled.astype(np.float64))

    def most_possible(self, below: float = math.inf) -> float:
        """Return what no row exceeds by values under `below`: it would hold the best alone."""
        weaker = self.values[self.values < below]
        held = np.arange(1, weaker.size + 1)
        return float((np.cumsum(weaker) / np.sqrt(held)).max(initial=0))

    def best_rows(self, values: int, rows: int) -> list[Rows]:
        """Return the first rows of each of the best values: where high scores are likely."""
        return [self.column.postings[code][:rows] for code in self.codes[:values]]

    def postings(self, from_value: float) -> list[Rows]:
        """Return the rows of every value worth `from_value` or more."""
        return [self.column.postings[code] for code in self.codes[self.values >= from_value]]

    def add(self, rows: Rows, total: F64) -> None:
        """Add to `total` (m,) each row's Σ values / √(how many values it holds)."""
        worth = np.zeros(len(self.column.names), np.float64)
        worth[self.codes] = self.values
        _add(self.column.codes.offsets, self.column.codes.values, worth, rows, total)


@njit(cache=True, nogil=True)
def _add(offsets: I64, codes: I32, worth: F64, rows: Rows, total: F64) -> None:
    for i in range(rows.size):
        start, end = offsets[rows[i]], offsets[rows[i] + 1]
        found = 0.0
        for at in range(start, end):
            found += worth[codes[at]]
        if found > 0.0:
            total[i] += found / math.sqrt(float(end - start))


def essential_worth(tastes: Sequence[FieldTaste], floor: float) -> float:
    """Return the least worth such that a row with weaker values alone stays below `floor`."""
    worths = np.unique(np.concatenate([taste.values for taste in tastes]))
    low, high = 0, worths.size - 1  # worths[0] always is: weaker values there are none
    while low < high:
        middle = (low + high + 1) // 2
        most = sum(taste.most_possible(below=float(worths[middle])) for taste in tastes)
        low, high = (middle, high) if most * ROUNDING < floor else (low, middle - 1)
    return float(worths[low])
