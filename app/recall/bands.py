"""Where on a number line a person buys: the price band, and the like of any other number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

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

    values: F32  # (b, n) NaN where missing

    @classmethod
    def of(cls, documents: Documents, fields: Iterable[str]) -> Self:
        """Read those of the fields that the catalogue has and that vary in it."""
        columns = [documents.numbers[f] for f in fields if f in documents.numbers]
        scaled = [np.sign(column) * np.log1p(np.abs(column)) for column in columns]
        fitted = [(v, *_centre_and_spread(v[np.isfinite(v)])) for v in scaled]
        bands = [(v - centre) / spread for v, centre, spread in fitted if spread > 0]
        return cls(np.array(bands, np.float32).reshape(len(bands), len(documents)))

    def taste(self, rows: Rows) -> Taste:
        """Fit to what a person acted on, shrunk towards the catalogue as by one more action."""
        seen = self.values[:, rows].astype(np.float64)
        count = np.isfinite(seen).sum(axis=1)
        means = np.nansum(seen, axis=1) / (count + 1)
        off = np.nansum(np.square(seen - means[:, None]), axis=1)
        return Taste(means, np.where(count > 0, np.sqrt((off + 1) / (count + 1)), np.inf))

    def fit(self, rows: Rows, taste: Taste) -> F64:
        """Return Π exp(−z² / 2) of each row, in [0, 1]; a missing value counts as z = 1. (m,)"""
        z = (self.values[:, rows] - taste.means[:, None]) / taste.deviations[:, None]
        squares = np.where(np.isnan(z), np.isfinite(taste.deviations)[:, None], np.square(z))
        return np.asarray(np.exp(-squares.sum(axis=0) / 2), np.float64)


def _centre_and_spread(known: F64) -> tuple[float, float]:
    if not known.size:
        return 0.0, 0.0
    low, centre, high = np.percentile(known, (25, 50, 75))
    return float(centre), float(high - low) / IQR_PER_DEVIATION or float(known.std())
