"""Releases by version, by model and version, and by model."""

from __future__ import annotations

import pytest

from app.domain.errors import UnknownName
from app.rank.names import ReleaseNames
from app.snapshot.artifact import seal
from app.snapshot.store import ArtifactStore


@pytest.fixture
def names(tmp_path):
    for model, ids in {"lambdarank": ("a", "b", "c", "d"), "ensemble": ("e", "b")}.items():
        store = ArtifactStore(tmp_path / model, "release")
        for release_id in ids:
            (store.root / release_id).mkdir(parents=True)
            seal(store.root / release_id, "release", {"id": release_id})
    for release_id in ("a", "c", "b"):
        ArtifactStore(tmp_path / "lambdarank", "release").publish(release_id)
    (tmp_path / "empty").mkdir()
    hidden = tmp_path / "lambdarank" / ".building-z"
    hidden.mkdir()
    seal(hidden, "release", {"id": "z"})
    return ReleaseNames(tmp_path, "lambdarank")


@pytest.mark.parametrize(
    ("name", "release_id", "model"),
    [("a", "a", "lambdarank"), ("e", "e", "ensemble"), ("ensemble/e", "e", "ensemble"),
     ("lambdarank", "b", "lambdarank"), ("lambdarank~0", "b", "lambdarank"),
     ("lambdarank~1", "c", "lambdarank"), ("lambdarank~2", "a", "lambdarank")],
)  # fmt: skip
def test_a_name_means_one_release(names, name, release_id, model):
    assert names.resolve(name) == release_id
    assert names.owner(release_id).root.name == model


def test_a_version_that_two_models_have_is_that_of_the_model_that_serves(names):
    assert names.resolve("b") == "b"
    assert names.owner("b").root.name == "lambdarank"


@pytest.mark.parametrize(
    "name",
    ["", "x", "lambdarank/e", "nobody/a", "ensemble", "ensemble~1", "lambdarank~3", "lambdarank~x",
     "lambdarank~-1", "empty", "..", "../lambdarank/a", "lambdarank/..", "lambdarank/../ensemble/e",
     "/etc", "lambdarank/", "/a", ".", "CURRENT", "lambdarank/CURRENT",
     ".building-z", "lambdarank/.building-z", "a\0", "x" * 300],
)  # fmt: skip
def test_an_unknown_name_is_told_what_exists(names, name):
    with pytest.raises(UnknownName, match=r"newest of models/lambdarank: a, b, c, d; models: ens"):
        names.resolve(name)
