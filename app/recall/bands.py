"""Where on a number line a person buys: the price band, and the like of any other number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.domain.arrays import F32, F64, I32

IQR_PER_DEVIATION = 1.349  # of a normal distribution


@dataclass(frozen=True, slots=True)
class Bands:
    """Number fields as (sign(x) · ln(1 + |x|) − median) / spread: prices differ by factors.

    The spread is the interquartile range as a deviation: stray zeros do not widen it.
    """

    scales: Mapping[str, tuple[float, float]]  # field → median and spread, of a band each

    @classmethod
    def of(cls, documents: Documents, fields: Iterable[str]) -> Self:
        """Read those of the fields that the catalogue has and that vary in it."""
        columns = {f: _flatten(documents.numbers[f]) for f in fields if f in documents.numbers}
        fitted = {f: _centre_and_spread(v[np.isfinite(v)]) for f, v in columns.items()}
        return cls({f: (centre, spread) for f, (centre, spread) in fitted.items() if spread > 0})

    def place(self, numbers: Mapping[str, F64], m: int) -> F32:
        """Return where m rows lie by their numbers: a row's bands side by side. (m, b)"""
        places = np.empty((m, len(self.scales)), np.float32)  # NaN where missing
        for band, (name, (centre, spread)) in enumerate(self.scales.items()):
            places[:, band] = (_flatten(numbers[name]) - centre) / spread
        return places


def _flatten(column: F64) -> F64:
    flat: F64 = np.sign(column) * np.log1p(np.abs(column))
    return flat


@njit(cache=True, nogil=True)
def taste(bands: F32, acted_on: I32) -> tuple[F64, F64]:
    """Return a person's mean and deviation on each band, in deviations of the catalogue. (b,), (b,)

    Fitted to those of the rows in `bands` (m, b) that they acted on; the catalogue's own centre, 0,
    and spread, 1, count as one more action. Where nothing is known the deviation is infinite: every
    value is as good.
    """
    means, deviations = np.zeros(bands.shape[1]), np.full(bands.shape[1], np.inf)
    for band in range(bands.shape[1]):
        count, total, off = 0, 0.0, 0.0
        for place in acted_on:
            x = float(bands[place, band])
            if math.isfinite(x):
                count, total = count + 1, total + x
        means[band] = total / (count + 1)
        for place in acted_on:
            x = float(bands[place, band])
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
