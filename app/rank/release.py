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
from pathlib import Path
from typing import Any

from app.domain.errors import CorruptArtifact, FeatureMismatch, GateRefused
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.rank.click_release import KIND, ClickRelease
from app.rank.dependencies import Uses, models_read, open_uses
from app.rank.golden import Golden, replay
from app.rank.lightgbm_model import LightGbmModel
from app.snapshot.artifact import verify
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore


@dataclass(frozen=True, slots=True)
class Release:
    """A verified release whose golden rows were replayed in this process."""

    id: str
    features: FeatureSet
    model: LightGbmModel
    manifest: Mapping[str, Any]
    uses: Uses = field(default_factory=dict)  # models whose output is a feature of this one


def open_release(path: Path, replay_goldens: bool = True) -> Release:
    """Verify, load and replay. Raises CorruptArtifact or FeatureMismatch saying what is wrong.

    Only who compares features himself may leave the golden rows out.
    """
    manifest = verify(path, "release")
    if manifest.get("model_kind") == KIND:
        raise FeatureMismatch(f"{path} is a click model and ranks nothing; name a ranking release")
    if manifest["id"] != path.name:
        raise CorruptArtifact(f"{path} says that it is {manifest['id']}; copy it under that name")
    names = tuple(manifest["features"])
    features = FeatureSet(CATALOG, names)
    model = LightGbmModel.open(path / "model.txt", names)
    goldens = [Golden.open(file) for file in sorted((path / "golden").glob("*.npz"))]
    if replay_goldens and not replay(goldens, features, model):
        raise FeatureMismatch(f"{path} has no golden rows to check it by; train again")
    uses = open_uses(path, manifest, models_read(features.inputs))
    return Release(manifest["id"], features, model, manifest, uses)


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
        if used.manifest["analyzer_id"] != snapshot.analyzer.id:
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
