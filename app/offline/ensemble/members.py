"""The members of an ensemble: named releases, opened, and checked that they can stand together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.domain.arrays import F32, I64, Bools
from app.domain.errors import InvalidInput
from app.offline.contenders import Contender, fairest
from app.offline.judged import Judged
from app.rank.ensemble import EnsembleModel, Member, scale_of, union
from app.rank.graph import as_inputs
from app.rank.lightgbm_model import LightGbmModel
from app.rank.names import ReleaseNames
from app.rank.release import Release, open_release, refuse_if_foreign
from app.snapshot.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Chosen:
    """A member as it was released."""

    name: str  # as the recipe calls it
    model: str  # folder under models/
    release: Release
    path: Path
    weight: float  # of all 1 together
    trees: LightGbmModel

    def fair(self, test: Sequence[Judged]) -> tuple[LightGbmModel, Bools]:
        """Return itself or its twin, whichever saw fewer of these lists, and which it did not."""
        model, may_judge = fairest(self.release, self.path, test)
        return model if isinstance(model, LightGbmModel) else self.trees, may_judge


@dataclass(frozen=True, slots=True)
class Built:
    """The ensemble that is released and the one that was measured."""

    members: tuple[Chosen, ...]
    twins: tuple[LightGbmModel, ...]
    released: EnsembleModel
    measured: EnsembleModel


def choose(members: Mapping[str, float], names: ReleaseNames, snapshot: Snapshot) -> list[Chosen]:
    """Open the members. Raises InvalidInput, UnknownName or what opening raises."""
    total = sum(members.values())
    chosen = [_open(name, w / total, names, snapshot) for name, w in members.items()]
    for i, one in enumerate(chosen):
        for other in chosen[:i]:
            if other.release.id == one.release.id:
                raise InvalidInput(
                    f"{other.name} and {one.name} are both release {one.release.id}; name each once"
                )
    uses_of(chosen)
    return chosen


def uses_of(chosen: Sequence[Chosen]) -> dict[str, str]:
    """Return which releases their features ask: model → release id.

    Raises InvalidInput where two know different ones by the same name.
    """
    uses: dict[str, str] = {}
    for one in chosen:
        for model, used in one.release.uses.items():
            if uses.setdefault(model, used.id) != used.id:
                raise InvalidInput(
                    f"{one.name} asks model({model}) {used.id}, another member {uses[model]}; "
                    "train both on one"
                )
    return uses


def combined(
    chosen: Sequence[Chosen], models: Sequence[LightGbmModel], rows: F32, combine: str
) -> EnsembleModel:
    """Make an ensemble of the members or their twins; `rows` (n, d) of the union lay out scales."""
    names = union([model.feature_names for model in models])
    at = {name: i for i, name in enumerate(names)}
    made = []
    for one, model in zip(chosen, models, strict=True):
        columns: I64 = np.array([at[name] for name in model.feature_names], np.int64)
        scores = model.predict(np.ascontiguousarray(rows[:, columns]))
        made.append(Member(model, columns, one.weight, scale_of(scores, combine)))
    return EnsembleModel(names, tuple(made))


def as_contenders(
    chosen: Sequence[Chosen], models: Sequence[LightGbmModel], lists: int
) -> list[Contender]:
    """Hold the ensemble against each of its members: it must be worth more than one of them."""
    may_judge = np.ones(lists, np.bool_)
    return [
        Contender(
            f"member {one.name}", one.release.id, model, may_judge, as_inputs(one.release.uses)
        )
        for one, model in zip(chosen, models, strict=True)
    ]


def _open(name: str, weight: float, names: ReleaseNames, snapshot: Snapshot) -> Chosen:
    release_id = names.resolve(name)
    path = names.owner(release_id).path(release_id)
    release = open_release(path)
    refuse_if_foreign(release, snapshot)
    if not isinstance(release.model, LightGbmModel):
        raise InvalidInput(f"{name} {release_id} is an ensemble itself; name its members instead")
    return Chosen(name, path.parent.name, release, path, weight, release.model)
