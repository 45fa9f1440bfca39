"""Releases to swap between: the same model, each LIFT higher, so that a score says whose it is."""

from __future__ import annotations

import shutil

import lightgbm

from app.rank.golden import Golden
from app.rank.lightgbm_model import LightGbmModel
from app.snapshot.artifact import MANIFEST, seal, verify
from app.snapshot.store import ArtifactStore

LIFT = 1_000.0
"""Far beyond the range of one model's scores, and small enough to add no error that matters."""


def lifted(store: ArtifactStore, release_id: str, count: int) -> list[str]:
    """Finish `count` releases that nobody has opened yet; number i scores i · LIFT higher."""
    return [_lift(store, release_id, number) for number in range(1, count + 1)]


def floor_of(release_id: str) -> float:
    """Return how much higher a release scores than the one that it was made from."""
    _, marked, number = release_id.partition("-lifted")
    return LIFT * int(number) if marked else 0.0


def _lift(store: ArtifactStore, release_id: str, number: int) -> str:
    """Raise all leaves of the first tree. The golden scores are computed anew."""
    new_id = f"{release_id}-lifted{number}"
    source, built = store.path(release_id), store.building(new_id)
    shutil.copytree(source, built, dirs_exist_ok=True)
    facts = verify(source, "release")
    model = lightgbm.Booster(model_str=(source / "model.txt").read_text("utf-8"))
    for leaf in range(_leaves(model)):
        model.set_leaf_output(0, leaf, model.get_leaf_output(0, leaf) + LIFT * number)
    (built / "model.txt").write_text(model.model_to_string(), "utf-8")
    scorer = LightGbmModel.open(built / "model.txt", tuple(facts["features"]))
    for file in sorted((built / "golden").glob("*.npz")):
        golden = Golden.open(file)
        Golden(golden.inputs, golden.features, scorer.predict(golden.features)).save(file)
    (built / MANIFEST).unlink()
    seal(built, "release", {**facts, "id": new_id})
    store.finish(built, new_id)
    return new_id


def _leaves(model: lightgbm.Booster) -> int:
    return int(model.dump_model(num_iteration=1)["tree_info"][0]["num_leaves"])
