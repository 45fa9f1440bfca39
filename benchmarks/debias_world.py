"""A simulated crowd: a position-based model on real judgements, lists ordered by a weak ranker.

P(click on d of q at k) = k^−η × (1 if d is relevant to q, else NOISE). The weak ranker sorts by
cosine alone and wavers: each of its releases adds other noise, as retrained encoders do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.arrays import F64, I64, Bools
from app.domain.events import Session
from app.offline.clicks.correction import UNCORRECTED, Correction
from app.offline.dataset import TrainingSet

NOISE = 0.1  # of those who look at an irrelevant document, how many click it
RELEASES = 5
WAVER = 0.1  # standard deviation of a release's noise, in ranks as a share of all


@dataclass(frozen=True, slots=True)
class World:
    """Judged pairs and the places that each release of the weak ranker gives them."""

    pairs: TrainingSet
    position: I64  # (releases, rows) from 1

    @classmethod
    def draw(cls, pairs: TrainingSet, cosine: F64, seed: int) -> World:
        rng = np.random.default_rng([seed, 1])
        rank = np.argsort(np.argsort(np.nan_to_num(cosine, nan=-1.0), kind="stable")) / len(cosine)
        noisy = (rank + rng.normal(0, WAVER, rank.size) for _ in range(RELEASES))
        return cls(pairs, np.stack([places(pairs, scores) for scores in noisy]))


@dataclass(frozen=True, slots=True)
class Log:
    """Shown lists, one after another: (n,) rows of the world's pairs in display order."""

    world: World
    row: I64
    position: I64
    clicked: Bools
    sizes: I64  # (lists,)

    def sessions(self) -> list[Session]:
        """The lists as the product knows them."""
        pairs, ends = self.world.pairs, np.cumsum(self.sizes)
        query = np.searchsorted(np.cumsum(pairs.sizes), self.row, side="right")
        found = []
        for i, (start, end) in enumerate(zip(ends - self.sizes, ends, strict=True)):
            shown = [str(r) for r in self.row[start:end].tolist()]
            hits = np.flatnonzero(self.clicked[start:end]).tolist()
            found.append(
                Session(str(i), i, pairs.qids[query[start]], tuple(shown),
                        tuple(shown[h] for h in hits))
            )  # fmt: skip
        return found

    def training(self, correction: Correction = UNCORRECTED) -> TrainingSet:
        """Rows of the lists with a click, as clicks are labelled and corrected."""
        group = np.repeat(np.arange(self.sizes.size), self.sizes)
        has_click = np.bincount(group, self.clicked) > 0
        keep = has_click[group]
        row, position, clicked = self.row[keep], self.position[keep], self.clicked[keep]
        weights = np.ones(row.size, np.float32)
        weights[clicked] = [correction.weight(k) for k in position[clicked].tolist()]
        given = position if correction.gives_positions else np.zeros_like(position)
        return TrainingSet(
            self.world.pairs.features[row], clicked.astype(np.int32), self.sizes[has_click],
            tuple(map(str, np.flatnonzero(has_click))), weights, given.astype(np.int32),
        )  # fmt: skip


def browse(world: World, lists: int, eta: float, seed: int) -> Log:
    """Draw lists: a query and a release each, alike; then clicks."""
    rng = np.random.default_rng([seed, 2])
    pairs, ends = world.pairs, np.cumsum(world.pairs.sizes)
    query, release = rng.integers(len(pairs), size=lists), rng.integers(RELEASES, size=lists)
    sizes = pairs.sizes[query]
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    row = np.repeat(ends[query] - sizes, sizes) + within
    position = world.position[np.repeat(release, sizes), row]
    order = np.lexsort((position, np.repeat(np.arange(lists), sizes)))
    row, position = row[order], position[order]
    attractive = np.where(pairs.labels[row] > 0, 1.0, NOISE)
    clicked = rng.random(row.size) < examined(position, eta) * attractive
    return Log(world, row, position, clicked, sizes)


def examined(position: I64, eta: float) -> F64:
    """Return P(examined) at each position."""
    return np.power(position.astype(np.float64), -eta)


def places(pairs: TrainingSet, scores: F64) -> I64:
    """Return the position of each row in its group, best score first. (rows,)"""
    group = np.repeat(np.arange(len(pairs)), pairs.sizes)
    order = np.lexsort((-scores, group))
    place = np.empty(order.size, np.int64)
    place[order] = (
        np.arange(order.size) - np.repeat(np.cumsum(pairs.sizes) - pairs.sizes, pairs.sizes) + 1
    )
    return place
