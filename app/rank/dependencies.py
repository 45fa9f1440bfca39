"""Which releases a release uses: models whose output is a column of its own.

A manifest says `"uses": {"ctr": RELEASE_ID}`; they lie side by side, models/NAME/VERSION, and a
release that is used may be neither altered nor removed while the user is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from app.domain.errors import CorruptArtifact, FeatureMismatch
from app.features.lookup import PairModel
from app.rank.click_release import ClickModel, ClickRelease, open_click_release

Uses: TypeAlias = Mapping[str, ClickRelease]
"""Model → the release of it that is used, open."""

_INPUT = "pair_model["


def models_read(inputs: Collection[str]) -> tuple[str, ...]:
    """Return the names of the models that these inputs ask, in order: `pair_model[ctr]` → ctr."""
    return tuple(i[len(_INPUT) : -1] for i in sorted(inputs) if i.startswith(_INPUT))


def uses_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what a release uses: model → release id."""
    return dict(manifest.get("uses", {}))


def open_uses(path: Path, manifest: Mapping[str, Any], wanted: Collection[str]) -> Uses:
    """Open every release that the one at `path` reads; `wanted` are the models' names.

    Raises FeatureMismatch or CorruptArtifact naming the one that is missing or refused.
    """
    uses = uses_of(manifest)
    opened: dict[str, ClickRelease] = {}
    for name in wanted:
        if name not in uses:
            raise FeatureMismatch(
                f"{path} reads model({name}) and names no release of models/{name}; train again"
            )
        try:
            opened[name] = open_click_release(path.parent.parent / name / uses[name])
        except (CorruptArtifact, FeatureMismatch) as error:
            raise type(error)(
                f"{path} uses {name} {uses[name]}, which is refused: {error}"
            ) from error
    return opened


def as_inputs(uses: Uses) -> dict[str, PairModel]:
    """Make opened releases answer as `pair_model[NAME]`."""
    return {name: ClickModel(release.model) for name, release in uses.items()}
