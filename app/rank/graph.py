"""Released models as inputs of others: a small graph, each node asked once a request.

Every node reads the inputs that the request has gathered already. Two users of one release share
its answer, for they share the object that gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.arrays import F32
from app.features.feature import FeatureSet
from app.features.lookup import Inputs, PairModel
from app.rank.click_release import ClickModel, ClickRelease
from app.rank.dependencies import model_read
from app.rank.ranker import Model
from app.rank.release import Release, Uses

Clicks = Callable[[ClickRelease], PairModel]
"""What answers for a released click model: itself, or what it was at some time."""


@dataclass(frozen=True, slots=True, eq=False)
class ReleasedModel:
    """A ranking release as an input: its features of what is gathered, and its scores."""

    release_id: str
    features: FeatureSet
    model: Model
    asks: Mapping[str, PairModel]  # that its own features ask, by name

    def predict(self, lookup: Inputs) -> F32:
        """(n,) scores of the lookup's candidates."""
        inputs = {name: self._input(lookup, name) for name in self.features.inputs}
        return self.model.predict(self.features.matrix(inputs, lookup.rows.size))

    def _input(self, lookup: Inputs, name: str) -> Any:
        asked = model_read(name)  # by the name that this release knows it by
        return lookup.get(name) if asked is None else lookup.ask(self.asks[asked])


def own_clicks(release: ClickRelease) -> PairModel:
    return ClickModel(release.model)


def as_inputs(uses: Uses, clicks: Clicks = own_clicks) -> dict[str, PairModel]:
    """Make opened releases answer as `pair_model[NAME]`, one object a release."""
    made: dict[int, PairModel] = {}

    def make(release: Release | ClickRelease) -> PairModel:
        if id(release) not in made:
            made[id(release)] = _node(release) if isinstance(release, Release) else clicks(release)
        return made[id(release)]

    def _node(release: Release) -> PairModel:
        asks = {name: make(used) for name, used in release.uses.items()}
        return ReleasedModel(release.id, release.features, release.model, asks)

    return {name: make(release) for name, release in uses.items()}
