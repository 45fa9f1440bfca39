"""What a strategy against position bias gives to training, and what it says of itself.

A click at a position that one person in five looks at stands for five people who would have
clicked, had they looked: it weighs 1 / P(examined). That is inverse propensity scoring (Joachims,
Swaminathan, Schnabel, "Unbiased learning-to-rank with biased feedback", WSDM 2017). What it makes
of a whole list: app/offline/clicks/one_click.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from app.domain.arrays import F32, F64
from app.domain.events import Session
from app.offline.recipe import Debias


@dataclass(frozen=True, slots=True)
class Curve:
    """P(examined) by position, relative to the first, with its 95 % interval. (k,) each

    NaN where nothing was learned of a position.
    """

    value: F64
    low: F64
    high: F64


@dataclass(frozen=True, slots=True)
class DebiasReport:
    """What was found, for the report of the release."""

    method: str
    lists: int  # corrected
    refused: int  # lists whose positions nobody knows: clicks count 1, the unclicked are 0
    curve: Curve | None = None  # by position from 1; the last one stands for all below
    clip: float = 0.0  # no click weighs more
    clipped: float = 0.0  # share of the clicks that would have

    def rows(self) -> list[tuple[int, float, float, float]]:
        """Return (position, propensity, low, high), to plot."""
        if self.curve is None:
            return []
        c = self.curve
        columns = (c.value.tolist(), c.low.tolist(), c.high.tolist())
        return [(k, *row) for k, row in enumerate(zip(*columns, strict=True), 1)]

    def known(self) -> list[tuple[int, float, float, float]]:
        """The rows of which something is known."""
        return [row for row in self.rows() if all(np.isfinite(row))]

    def to_json(self) -> dict[str, Any]:
        rows = [[x if np.isfinite(x) else None for x in row] for row in self.rows()]
        return {
            "method": self.method, "lists": self.lists, "refused": self.refused,
            "propensity": rows, "clip": self.clip, "clipped": self.clipped,
        }  # fmt: skip

    def lines(self) -> list[str]:
        """Sentences for people."""
        said = [f"Debiasing: {self.method}, {self.lists:,} lists."]
        if self.refused:
            said.append(
                f"{self.refused:,} lists do not say where their documents stood: debiasing and "
                "skip-above are refused for them; what was shown there and not clicked is grade 0."
            )
        if self.curve is not None:
            said.append(f"No click weighs more than {self.clip:g}; {self.clipped:.1%} would have.")
        return said


@dataclass(frozen=True, slots=True)
class Correction:
    """How a click at a position counts."""

    report: DebiasReport
    weights: F32 | None = None  # (k,) by position from 1, the last for all below; None: all 1
    gives_positions: bool = False  # LightGBM shall learn the bias itself

    @property
    def is_positional(self) -> bool:
        """Whether it matters where a document stood."""
        return self.gives_positions or self.weights is not None

    def weight(self, position: int) -> float:
        """What a click there weighs; position from 1."""
        if self.weights is None:
            return 1.0
        return float(self.weights[min(position, len(self.weights)) - 1])


UNCORRECTED = Correction(DebiasReport("none", 0, 0))


class Strategy(Protocol):
    """One way to correct, one file. Pure: the order of the sessions does not matter."""

    def __call__(self, sessions: Sequence[Session], config: Debias, seed: int) -> Correction:
        """Raises InvalidInput with the remedy where the sessions cannot teach it."""
        ...


def inverse(curve: Curve, clip: float) -> F32:
    """Return what a click weighs at each position, in [0, clip]. (k,) finite

    A position of which nothing is known weighs as the nearest known one above it; the first, 1.
    """
    filled = curve.value.copy()
    for k in range(len(filled)):
        if not np.isfinite(filled[k]):
            filled[k] = filled[k - 1] if k else 1.0
    return (1.0 / np.maximum(filled, 1.0 / clip)).astype(np.float32)


def corrected(
    method: str, sessions: Sequence[Session], learn: Callable[[], Curve], config: Debias
) -> Correction:
    """Weigh the clicks of all lists by a curve, and say how many the clip holds back.

    Where no list has positions there is nothing to correct, and nothing is learned.
    """
    unknown = refused(sessions)
    if unknown == len(sessions):
        return Correction(DebiasReport(method, 0, unknown))
    curve = learn()
    weights = inverse(curve, config.clip)
    clicks = [
        min(position, len(weights)) - 1
        for s in sessions
        if s.positions_known
        for position, document in enumerate(s.shown, s.offset + 1)
        if document in s.clicked
    ]
    clipped = float(np.mean(weights[clicks] >= config.clip)) if clicks else 0.0
    report = DebiasReport(method, len(sessions) - unknown, unknown, curve, config.clip, clipped)
    return Correction(report, weights)


def refused(sessions: Iterable[Session]) -> int:
    """How many lists do not say where their documents stood."""
    return sum(not s.positions_known for s in sessions)
