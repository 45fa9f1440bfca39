"""Two nights of training: a click model, then a ranker that asks it, through the real workflow."""

from dataclasses import replace

import pytest

from app.domain.errors import InvalidInput
from app.offline.ctr.workflow import train_click_model
from app.offline.workflow import JudgedBy, train_model
from app.rank.dependencies import uses_of
from app.rank.release import open_release
from tests.builders.click_models import tasteful_sessions
from tests.builders.impressions import append, make_place
from tests.builders.requests import NOW_MS

CLICKS = """kind = "ctr"
bits = 14
learning_rate = 0.3
[fields]
request = ["query", "term", "user"]
document = ["id", "category", "brand", "price"]
[gate]
min_clicked_lists = 5
"""
RANKING = """features = ["bm25(title)", "attr(price)", {more}]
rounds = 10
early_stopping = 10
[parameters]
num_leaves = 5
min_data_in_leaf = 5
[gate]
min_paired_queries = 5
"""
NIGHT_MS = 86_400_000


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = make_place(tmp_path_factory.mktemp("world"))
    append(place, tasteful_sessions(place.snapshot(), 200))
    return place


def ranking_recipe(folder, more='"model(ctr)"'):
    file = folder / "ranking.toml"
    file.write_text(RANKING.format(more=more))
    return file


def test_a_ranker_cannot_ask_a_model_that_nobody_released(place, tmp_path):
    recipe = ranking_recipe(tmp_path, '"model(nobody)"')
    with pytest.raises(InvalidInput, match=r"model\(nobody\).*duolu train models/nobody/recipe"):
        train_model(place, recipe, JudgedBy(), now_ms=NOW_MS)


def test_judgements_teach_no_clicks(place, tmp_path):
    labels = JudgedBy(queries=tmp_path / "q", qrels=tmp_path / "r")
    with pytest.raises(InvalidInput, match="a click model learns from what was shown"):
        train_click_model(place, tmp_path / "ctr.toml", labels, now_ms=NOW_MS, publish_it=False)


def test_each_night_a_ranker_names_the_click_model_that_it_was_trained_with(place, tmp_path):
    (tmp_path / "ctr.toml").write_text(CLICKS)
    recipe, named = ranking_recipe(tmp_path), []
    for night in range(2):
        now_ms = NOW_MS + night * NIGHT_MS
        clicks = train_click_model(
            place, tmp_path / "ctr.toml", JudgedBy(), now_ms=now_ms, publish_it=True
        )
        trained = train_model(place, recipe, JudgedBy(), now_ms=now_ms)
        store = place.stores.releases
        release = open_release(store.path(trained.release_id))
        store.publish(trained.release_id)
        assert uses_of(release.manifest) == {"ctr": clicks.release_id}
        assert release.uses["ctr"].id == clicks.release_id
        assert trained.features["model(ctr)"] > 0.5  # tastes are all there is to learn here
        named.append(clicks.release_id)
    assert named[0] != named[1]
    first = store.ids()[0]
    assert uses_of(store.manifest(first)) == {"ctr": named[0]}  # its own, whatever came later


def test_a_ranker_asks_another_only_of_lists_that_the_other_has_not_seen(place, tmp_path):
    store = place.stores.releases
    (tmp_path / "ctr.toml").write_text(CLICKS)
    train_click_model(place, tmp_path / "ctr.toml", JudgedBy(), now_ms=NOW_MS, publish_it=True)
    first = train_model(place, ranking_recipe(tmp_path), JudgedBy(), now_ms=NOW_MS)
    store.publish(first.release_id)
    recipe = ranking_recipe(tmp_path, '"model(lambdarank)"')
    with pytest.raises(InvalidInput, match=f"was trained on by lambdarank {first.release_id}"):
        train_model(place, recipe, JudgedBy(), now_ms=NOW_MS)
    later = [
        replace(s, request_id=f"n{i}", ts_ms=s.ts_ms + 40 * NIGHT_MS)
        for i, s in enumerate(tasteful_sessions(place.snapshot(), 120, seed=8))
    ]
    append(place, later)
    second = train_model(place, recipe, JudgedBy(), now_ms=NOW_MS + 41 * NIGHT_MS)
    assert sum(second.groups.values()) <= len(later)
    assert second.log["left_out"]["lists_seen_by_models_that_features_ask"] >= 100
    assert second.features["model(lambdarank)"] > 0.5
    release = open_release(store.path(second.release_id))
    assert release.uses["lambdarank"].id == first.release_id
    store.publish(second.release_id)
    third = train_model(place, ranking_recipe(tmp_path), JudgedBy(), now_ms=NOW_MS + 42 * NIGHT_MS)
    [serving] = third.verdict.baselines
    assert (serving.role, serving.release_id) == ("serving", second.release_id)
    assert serving.difference is not None  # the one that asks another is scored with it
    assert 0 < serving.queries < third.groups["test"]  # on lists that it was not trained on
