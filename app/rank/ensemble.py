"""Several models as one: the weighted mean of what they say, each put on a scale that all share.

models/NAME/VERSION/ of an ensemble, beside what every release has:
  members/N.txt     LightGBM's text of each member, copied: nothing elsewhere can alter or remove it
  held_out/N.txt    the member as it was measured, see offline.seen
  scales.npz        members:N, held_out:N (2, K): scores, and where they lie on the scale

"mean" lays out one straight line: scores less their centre, over their spread. "rank" lays out the
share of candidates that the member scores below: two models that order alike say the same, however
far apart their scores. Both were taken once from many lists, not from each list anew, so that a
row's score depends on no other row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.domain.arrays import F32, F64, I64
from app.domain.errors import CorruptArtifact
from app.rank.lightgbm_model import LightGbmModel
from app.rank.trees.text import Tree

KIND = "ensemble"
MEAN, RANK = "mean", "rank"
SCALES = "scales.npz"
RELEASED, HELD_OUT = "members", "held_out"
"""Folders of models; held_out is also the name of their scales."""


@dataclass(frozen=True, slots=True)
class Member:
    """One model of an ensemble."""

    model: LightGbmModel
    columns: I64  # (d',) its features among the ensemble's
    weight: float  # of all 1 together
    scale: F64  # (2, K) scores, ascending, and their places; straight between and beyond

    def scores(self, features: F32) -> F64:
        """(n,) where the member's scores lie on its scale."""
        return place(self.scale, self.model.predict(self.own(features)).astype(np.float64))

    def own(self, features: F32) -> F32:
        """(n, d) of the ensemble → (n, d') of the member."""
        return np.ascontiguousarray(features[:, self.columns])


@dataclass(frozen=True, slots=True)
class EnsembleModel:
    """A model made of models."""

    feature_names: tuple[str, ...]  # (d,) of all members, each once
    members: tuple[Member, ...]

    @property
    def scored_by(self) -> str:
        """What scores its members: our tree scorer, or LightGBM and why."""
        return ", ".join(dict.fromkeys(m.model.scored_by for m in self.members))

    def predict(self, features: F32) -> F32:
        """(n, d) float32 → (n,) float32."""
        total = np.zeros(len(features))
        for member in self.members:
            total += member.weight * member.scores(features)
        return total.astype(np.float32)

    def trees(self) -> list[Tree]:
        """All members' trees, over the ensemble's features. Raises NotExpressible."""
        return [
            replace(tree, features=m.columns[tree.features].astype(np.int32))
            for m in self.members
            for tree in m.model.trees()
        ]

    def contributions(self, features: F32) -> tuple[float, F64]:
        """Say why: the base score, and what each feature adds to it. (n, d) → (n, d)

        Each member's own, stretched to what they come to on its scale.
        """
        base, told = 0.0, np.zeros(features.shape)
        for member in self.members:
            start, added = member.model.contributions(member.own(features))
            at = float(place(member.scale, np.array([start]))[0])
            gained = member.scores(features) - at
            told[:, member.columns] += member.weight * _stretched(added, gained)
            base += member.weight * at
        return base, told

    def differences(self, features: F32, other: F32) -> F64:
        """Split score(row) − score(other) by feature. (n, d), (d,) → (n, d)"""
        told = np.zeros(features.shape)
        for member in self.members:
            apart = member.model.differences(member.own(features), other[member.columns])
            gained = member.scores(features) - member.scores(other[None])
            told[:, member.columns] += member.weight * _stretched(apart, gained)
        return told


def place(scale: F64, scores: F64) -> F64:
    """Put scores on a scale: straight between its knots, and on beyond the outer ones. (n,)"""
    xs, ys = scale
    left = np.clip(np.searchsorted(xs, scores, side="right") - 1, 0, xs.size - 2)
    slope = (ys[left + 1] - ys[left]) / (xs[left + 1] - xs[left])
    placed: F64 = ys[left] + (scores - xs[left]) * slope
    return placed


def scale_of(scores: F32, combine: str) -> F64:
    """Lay out a scale for a member from its (n,) scores of many lists' candidates. (2, K)"""
    values = scores.astype(np.float64)
    if combine == MEAN or np.unique(values).size < 3:
        spread = float(values.std()) or 1.0
        centre = float(values.mean())
        return np.array([[centre - spread, centre + spread], [-1.0, 1.0]])
    shares = 1 - (1 - np.linspace(0, 1, 257)) ** 2  # closer together at the top, where pages are
    knots, at = np.unique(np.quantile(values, shares), return_index=True)
    return np.stack([knots, shares[at]])


def open_ensemble(path: Path, manifest: Mapping[str, Any], which: str = RELEASED) -> EnsembleModel:
    """Load the members, released or held out. The caller has verified the files."""
    told, key = manifest["members"], "features" if which == RELEASED else "held_out_features"
    names = tuple(manifest[key])
    with np.load(path / SCALES, allow_pickle=False) as stored:
        found = [stored.get(f"{which}:{i}", np.empty(0)) for i in range(len(told))]
    scales = [_checked(scale, path) for scale in found]
    at = {name: i for i, name in enumerate(names)}
    members = []
    for i, (one, scale) in enumerate(zip(told, scales, strict=True)):
        own = tuple(one[key])
        if not at.keys() >= set(own):
            raise CorruptArtifact(f"{path}: member {i} reads features that it does not name")
        model = LightGbmModel.open(path / which / f"{i}.txt", own)
        columns = np.array([at[name] for name in own], np.int64)
        members.append(Member(model, columns, float(one["weight"]), scale))
    return EnsembleModel(names, tuple(members))


def union(names: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return every feature once, in the order in which they first come."""
    return tuple(dict.fromkeys(name for own in names for name in own))


def _checked(scale: F64, path: Path) -> F64:
    fits = scale.dtype == np.float64 and scale.ndim == 2 and scale.shape[0] == 2
    if not fits or scale.shape[1] < 2 or not np.isfinite(scale).all() or _falls(scale[0]):
        raise CorruptArtifact(f"{path / SCALES} holds no scale; train again")
    return scale


def _falls(xs: F64) -> bool:
    return bool((np.diff(xs) <= 0).any())


def _stretched(parts: F64, gained: F64) -> F64:
    """Scale each row of parts so that it sums to what was gained. (n, d), (n,) → (n, d)"""
    sums = parts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(np.abs(sums) > 1e-12, gained / sums, 0.0)
    return parts * ratio[:, None]
