"""Releases that use releases: opened once each, in order, and refused where they form a circle."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from app.domain.errors import CorruptArtifact, FeatureMismatch
from app.features.inputs import Lookup
from app.offline.retention import judge_releases, release_stores
from app.offline.used import UsedModels
from app.rank.dependencies import MAX_RELEASES, order
from app.rank.local import LocalRanker
from app.rank.proofs import fingerprint
from app.rank.release import Goldens, open_release, refuse_if_foreign
from app.settings.kept import RetentionSettings
from app.snapshot.artifact import read_manifest, seal
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows, make_snapshot
from tests.builders.rank_calls import make_call
from tests.builders.releases import WIDE, make_wide_release

TOP = "20260101T000004Z-top"


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(city_rows(120), tmp_path_factory.mktemp("world") / "s", channels=())


@pytest.fixture
def models(snapshot, tmp_path):
    """A diamond: `top` asks `words` and `people`, both ask `base`; `top` asks it as well."""

    def make(model, release_id, names, uses, seed):
        store = ArtifactStore(tmp_path / model, "release")
        make_wide_release(snapshot, store, release_id, names, seed, uses)

    make("base", "b", ("attr(price)", "cosine"), {}, 1)
    make("words", "w", ("bm25(title)", "model(base)"), {"base": "b"}, 2)
    make("people", "p", ("user_gain_log", "cosine", "model(base)"), {"base": "b"}, 3)
    names = (*WIDE[:4], "model(words)", "model(people)", "model(base)")
    make("lambdarank", TOP, names, {"words": "w", "people": "p", "base": "b"}, 4)
    return tmp_path


def reseal(path, **changed):
    manifest = read_manifest(path, "release")
    seal(path, "release", {**manifest, **changed})


def test_a_diamond_scores_as_its_parts_by_hand(snapshot, models):
    release = open_release(models / "lambdarank" / TOP)
    refuse_if_foreign(release, snapshot)
    ctx, candidates = make_call(snapshot, TOP)
    alone = {name: open_release(models / name / i) for name, i in (("base", "b"), ("words", "w"))}
    base = alone["base"].model.predict(LocalRanker.of(alone["base"], None).matrix(ctx, candidates))
    words = LocalRanker.of(alone["words"], None).matrix(ctx, candidates)
    assert words[:, 1].tobytes() == base.tobytes()
    matrix = LocalRanker.of(release, None).matrix(ctx, candidates)
    assert matrix[:, 6].tobytes() == base.tobytes()
    assert matrix[:, 4].tobytes() == alone["words"].model.predict(words).tobytes()
    assert np.unique(LocalRanker.of(release, None).score(ctx, candidates)).size > 10


def test_each_model_of_a_diamond_is_opened_and_asked_once(snapshot, models):
    release = open_release(models / "lambdarank" / TOP)
    assert release.uses["words"].uses["base"] is release.uses["people"].uses["base"]
    ranker = LocalRanker.of(release, None)
    ctx, candidates = make_call(snapshot, TOP)
    lookup = Lookup(ctx, candidates, models=ranker.models)
    for name in ranker.features.inputs:
        lookup.get(name)
    assert sum(name.startswith("model ") for name in lookup.memo) == 3
    assert [step.path.name for step in order(models / "lambdarank" / TOP)][-1] == TOP


def test_two_users_may_know_two_releases_by_one_name(snapshot, models):
    store = ArtifactStore(models / "base", "release")
    make_wide_release(snapshot, store, "c", ("attr(rating)", "cosine"), 9)
    top = models / "lambdarank" / TOP
    reseal(top, uses={"words": "w", "people": "p", "base": "c"})
    release = open_release(top, Goldens.NONE)
    matrix = LocalRanker.of(release, None).matrix(*make_call(snapshot, TOP))
    for column, name, used in ((6, "base", "c"), (4, "words", "w")):
        alone = LocalRanker.of(open_release(models / name / used), None)
        assert matrix[:, column].tobytes() == alone.score(*make_call(snapshot, TOP)).tobytes()


@pytest.mark.parametrize("closing", [("base", "b"), ("words", "w"), ("lambdarank", TOP)])
def test_a_circle_is_refused_naming_all_who_are_in_it(models, closing):
    model, release_id = closing
    path = models / model / release_id
    uses = read_manifest(path, "release")["uses"]
    reseal(path, uses={**uses, "lambdarank": TOP})
    with pytest.raises(FeatureMismatch, match=f"{TOP}.* uses .*lambdarank {TOP}: no release may"):
        open_release(models / "lambdarank" / TOP)


@pytest.mark.parametrize("name", ["..", "../base", "", "/etc"])
def test_a_release_uses_only_what_lies_beside_it(models, name):
    path = models / "lambdarank" / TOP
    for uses in ({name: "b"}, {"base": name}):
        reseal(path, uses=uses)
        with pytest.raises((FeatureMismatch, CorruptArtifact)):
            open_release(path)


def test_more_releases_than_a_search_can_bear_are_refused(models):
    for i in range(MAX_RELEASES + 1):
        path = models / f"m{i}" / "x"
        path.mkdir(parents=True)
        seal(path, "release", {"id": "x", "uses": {f"m{i + 1}": "x"}})
    with pytest.raises(FeatureMismatch, match=f"more than {MAX_RELEASES} releases"):
        open_release(models / "m0" / "x")


def test_what_is_wrong_far_below_is_told_with_the_way_there(models):
    file = models / "base" / "b" / "model.txt"
    file.write_text(file.read_text() + " ")
    with pytest.raises(CorruptArtifact, match=r"uses base b, which is refused: .*model\.txt"):
        open_release(models / "lambdarank" / TOP)


def test_a_proof_covers_what_is_used_far_below(models):
    path = models / "lambdarank" / TOP
    reseal(path, uses={"words": "w"})  # base is two steps away
    before = fingerprint(path)
    file = models / "base" / "b" / "manifest.json"
    file.write_bytes(orjson.dumps({**orjson.loads(file.read_bytes()), "note": "changed"}))
    assert fingerprint(path) != before


def test_retention_keeps_what_is_used_far_below(models):
    for model in ("base", "words", "people"):
        store = ArtifactStore(models / model, "release")
        for i in range(3):
            path = store.root / f"z{i}"
            path.mkdir()
            seal(path, "release", {"id": f"z{i}"})
        store.publish("z2")
    settings = RetentionSettings(releases=2, release_days=0)
    from app.offline.retention import Named

    fates = {f.path.parent.name + f.id: f for f in
             judge_releases(release_stores(models), settings, Named(), 10**14)}  # fmt: skip
    assert "feature of release" in fates["baseb"].kept_because
    assert fates["wordsz0"].kept_because is None


def test_features_asked_of_rankers_stay_as_released_whatever_the_moment(snapshot, models):
    release = open_release(models / "lambdarank" / TOP)
    used = UsedModels({"lambdarank": release}, snapshot, None, {"lambdarank": models})
    assert used.rankers == {"lambdarank"}
    lookup = Lookup(*make_call(snapshot, TOP))
    now, then = used.released["lambdarank"], used.before(0)["lambdarank"]
    assert now.predict(lookup).tobytes() == then.predict(lookup).tobytes()
