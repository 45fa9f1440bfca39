"""Experiments: which release ranks for whom, drawn once and for good by a hash of who asks.

An experiment's releases take consecutive shares of the line [0, 1); where somebody falls on it is
the hash of its salt and of them. Who falls beside the shares goes on to the next experiment, and
who falls beside all is ranked as if there were none. So nobody is in two experiments at once, and
everybody stays in theirs while the file says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.corpus.string_keys import hash64

CURRENT = "current"
"""An arm that ranks by what serves: the ones to compare with, counted like the others."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment: name and share of each arm, in order; shares are at most 1 together."""

    name: str
    salt: str
    arms: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Assigned:
    """Where somebody fell."""

    experiment: str
    arm: str  # a release's name (rank.names), or CURRENT

    def __str__(self) -> str:
        """As answers and the impression log have it."""
        return f"{self.experiment}:{self.arm}"


def arms_of(experiments: Sequence[Experiment]) -> list[str]:
    """Return the releases' names that experiments rank by, beside what serves."""
    return [arm for one in experiments for arm, _ in one.arms if arm != CURRENT]


def assign(experiments: Sequence[Experiment], unit: str) -> Assigned | None:
    """Return the arm of the first experiment whose shares `unit` falls into."""
    for experiment in experiments:
        place, end = _place(experiment.salt, unit), 0.0
        for arm, share in experiment.arms:
            end += share
            if place < end:
                return Assigned(experiment.name, arm)
    return None


def _place(salt: str, unit: str) -> float:
    return hash64(f"experiment {salt}\0{unit}") / 2**64
