"""Where on a number line a person buys: the price band, and the like of any other number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.domain.arrays import F32, F64, Rows

IQR_PER_DEVIATION = 1.349  # of a normal distribution


class Taste(NamedTuple):
    """A person's mean and deviation on each band, in deviations of the catalogue."""

    means: F64  # (b,)
    deviations: F64  # (b,) inf: nothing is known, every value is as good


@dataclass(frozen=True, slots=True)
class Bands:
    """Number fields as (sign(x) · ln(1 + |x|) − median) / spread: prices differ by factors.

    The spread is the interquartile range as a deviation: stray zeros do not widen it.
    """

    scales: Mapping[str, tuple[float, float]]  # field → median and spread, of a band each
    values: F32  # (b, n) NaN where missing

    @classmethod
    def of(cls, documents: Documents, fields: Iterable[str]) -> Self:
        """Read those of the fields that the catalogue has and that vary in it."""
        columns = {f: _flatten(documents.numbers[f]) for f in fields if f in documents.numbers}
        fitted = {f: _centre_and_spread(v[np.isfinite(v)]) for f, v in columns.items()}
        scales = {f: (centre, spread) for f, (centre, spread) in fitted.items() if spread > 0}
        bands = [(columns[f] - centre) / spread for f, (centre, spread) in scales.items()]
        return cls(scales, np.array(bands, np.float32).reshape(len(bands), len(documents)))

    def place(self, numbers: Mapping[str, F64], m: int) -> F32:
        """Return where m rows lie that are not among `values`. (b, m)"""
        scaled = [
            (_flatten(numbers[f]) - centre) / spread for f, (centre, spread) in self.scales.items()
        ]
        return np.array(scaled, np.float32).reshape(len(scaled), m)


def taste(values: F32, rows: Rows) -> Taste:
    """Fit to the rows that a person acted on, shrunk towards the catalogue as by one more action.

    values: (b, n)
    """
    return Taste(*_mean_and_deviation(values, rows))


def _flatten(column: F64) -> F64:
    flat: F64 = np.sign(column) * np.log1p(np.abs(column))
    return flat


@njit(cache=True, nogil=True)
def _mean_and_deviation(values: F32, rows: Rows) -> tuple[F64, F64]:
    """The catalogue's own centre, 0, and spread, 1, count as one action."""
    means, deviations = np.zeros(len(values)), np.full(len(values), np.inf)
    for band in range(len(values)):
        count, total, off = 0, 0.0, 0.0
        for row in rows:
            x = float(values[band, row])
            if math.isfinite(x):
                count, total = count + 1, total + x
        means[band] = total / (count + 1)
        for row in rows:
            x = float(values[band, row])
            if math.isfinite(x):
                off += (x - means[band]) ** 2
        if count:
            deviations[band] = math.sqrt((off + 1) / (count + 1))
    return means, deviations


def _centre_and_spread(known: F64) -> tuple[float, float]:
    if not known.size:
        return 0.0, 0.0
    low, centre, high = np.percentile(known, (25, 50, 75))
    return float(centre), float(high - low) / IQR_PER_DEVIATION or float(known.std())
