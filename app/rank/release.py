"""A release on disk: model text, the features it reads, golden rows, metrics and report.

models/NAME/VERSION/
  manifest.json   sha256 of every file; feature names, analyzer and encoder ids, metrics, lineage
  model.txt       LightGBM's own text
  held_out.txt    the model that was measured: trained without the test part (offline.seen)
  seen.npz        which lists each of the two was trained on
  recipe.toml     what trained it
  golden/N.npz    inputs, features and scores of a few requests, replayed at load
  report.md       what was measured, with intervals, and the gate's verdict
  *.svg           its pictures
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

from app.domain.errors import CorruptArtifact, FeatureMismatch, GateRefused
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.rank.click_release import KIND, ClickRelease, open_click_release
from app.rank.dependencies import Step, beside, models_read, order, uses_of
from app.rank.ensemble import HELD_OUT, EnsembleModel, open_ensemble
from app.rank.ensemble import KIND as ENSEMBLE
from app.rank.golden import Golden, replay
from app.rank.lightgbm_model import LightGbmModel
from app.snapshot.artifact import read_manifest, verify
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore

RankingModel: TypeAlias = LightGbmModel | EnsembleModel


TWIN = "held_out.txt"


@dataclass(frozen=True, slots=True)
class Release:
    """A verified release that gave its golden scores when it was opened, in this process."""

    id: str
    features: FeatureSet
    model: RankingModel
    manifest: Mapping[str, Any]
    uses: Uses = field(default_factory=dict)  # models whose output is a feature of this one


Uses: TypeAlias = "Mapping[str, Release | ClickRelease]"
"""Model → the release of it that is used, open."""


class Goldens(Enum):
    """Which of a release's golden requests are replayed when it is opened."""

    ALL = "all"
    FEW = "few"  # one and the leaves, where the canary has just replayed all of them
    NONE = "none"  # only for who compares features himself


def open_release(path: Path, goldens: Goldens = Goldens.ALL) -> Release:
    """Verify, load and replay, first what it uses. Raises CorruptArtifact or FeatureMismatch."""
    opened: dict[Path, Release | ClickRelease] = {}
    for step in order(path):
        is_used = step.path != path
        try:
            replayed = Goldens.ALL if is_used and goldens == Goldens.NONE else goldens
            opened[step.path] = _open(step, opened, replayed)
        except (CorruptArtifact, FeatureMismatch) as error:
            raise type(error)(f"{step.why}{error}") from error
    release = opened[path]
    if not isinstance(release, Release):
        raise FeatureMismatch(f"{path} is a click model and ranks nothing; name a ranking release")
    return release


def _open(
    step: Step, opened: Mapping[Path, Release | ClickRelease], replayed: Goldens
) -> Release | ClickRelease:
    """Open one release whose own are open."""
    path = step.path
    if read_manifest(path, "release").get("model_kind") == KIND:
        return open_click_release(path)
    manifest = verify(path, "release")
    if manifest["id"] != path.name:
        raise CorruptArtifact(f"{path} says that it is {manifest['id']}; copy it under that name")
    names = tuple(manifest["features"])
    features = FeatureSet(CATALOG, names)
    model = _open_model(path, manifest, names)
    goldens = [Golden.open(file) for file in _golden_files(path, replayed)]
    if replayed != Goldens.NONE and not replay(goldens, features, model):
        raise FeatureMismatch(f"{path} has no golden rows to check it by; train again")
    uses = {name: opened[beside(path, name, used)] for name, used in uses_of(manifest).items()}
    for name in models_read(features.inputs):
        if name not in uses:
            raise FeatureMismatch(
                f"{path} reads model({name}) and names no release of models/{name}; train again"
            )
    return Release(manifest["id"], features, model, manifest, uses)


def _golden_files(path: Path, replayed: Goldens) -> list[Path]:
    files = sorted((path / "golden").glob("*.npz"))
    few = {Goldens.ALL: files, Goldens.FEW: [*files[:1], *files[1:][-1:]], Goldens.NONE: []}
    return few[replayed]


def _open_model(path: Path, manifest: Mapping[str, Any], names: tuple[str, ...]) -> RankingModel:
    if manifest.get("model_kind") == ENSEMBLE:
        return open_ensemble(path, manifest)
    return LightGbmModel.open(path / "model.txt", names)


def open_twin(path: Path, manifest: Mapping[str, Any]) -> RankingModel | None:
    """Load the model that was measured; None where the release kept none. Files were verified."""
    if manifest.get("model_kind") == ENSEMBLE:
        return open_ensemble(path, manifest, HELD_OUT)
    if not (path / TWIN).is_file():
        return None
    return LightGbmModel.open(path / TWIN, tuple(manifest["held_out_features"]))


def publish_by_hand(
    releases: ArtifactStore, release: Release | ClickRelease, *, force: bool, remedy: str
) -> str:
    """Let an opened release serve. Returns what HISTORY notes: that a verdict was overruled, or "".

    Raises GateRefused, with the gate's reasons and the remedy, for one that it kept back, unless
    forced. A release without a verdict was not judged, and is not refused.
    """
    verdict = release.manifest.get("gate", {"passed": True})
    is_kept_back = not verdict["passed"]
    if is_kept_back and not force:
        reasons = "; ".join(verdict["reasons"])
        raise GateRefused(f"the gate keeps {release.id} back: {reasons}; {remedy}")
    note = "forced past the gate" if is_kept_back else ""
    releases.publish(release.id, note)
    return note


def refuse_if_foreign(release: Release, snapshot: Snapshot) -> None:
    """A model serves only the analyzer and encoder that it was trained with."""
    for name, used in release.uses.items():
        if isinstance(used, Release):
            refuse_if_foreign(used, snapshot)
        elif used.manifest["analyzer_id"] != snapshot.analyzer.id:
            raise FeatureMismatch(
                f"release {release.id} uses {name} {used.id}, trained with analyzer_id "
                f"{used.manifest['analyzer_id']}; snapshot {snapshot.id} has "
                f"{snapshot.analyzer.id}; train both again on this snapshot"
            )
    encoder_id = snapshot.encoder.id if snapshot.encoder else None
    for name, here in (("analyzer_id", snapshot.analyzer.id), ("encoder_id", encoder_id)):
        if release.manifest[name] != here:
            raise FeatureMismatch(
                f"release {release.id} was trained with {name} {release.manifest[name]}, "
                f"snapshot {snapshot.id} has {here}; train again on this snapshot"
            )
