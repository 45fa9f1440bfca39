"""Real trainings, one after the other: what the second is held against, and what keeps it back."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.errors import GateRefused
from app.offline.exam import metrics_of
from app.offline.gate import publish
from app.offline.judged import from_sessions
from app.offline.recipe import Gate, Grades, Recipe
from app.offline.timeline import Timeline
from app.offline.train import train
from app.rank.release import open_release
from app.settings import Settings
from app.snapshot.store import ArtifactStore, built_ms
from tests.builders import city_rows, make_snapshot
from tests.builders.behaviour import make_events, make_sessions, make_tables

SETTINGS = Settings.load(Path("config/search.toml"), environment={})
NOW = built_ms("20260301T000000Z-00000000")
EASY = Gate(min_difference=-1.0, min_clicked_lists=100, min_paired_queries=10, max_rank_ms=1e4)
GOOD = Recipe(
    features=("bm25(title)", "attr(price)", "doc_gain_log", "hit_count"),
    rounds=20,
    parameters={"min_data_in_leaf": 5},
    gate=EASY,
)
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """People who click what is cheap: the price tells, and nothing else does."""
    folder = tmp_path_factory.mktemp("world")
    snapshot = make_snapshot(city_rows(120), folder / "s")
    price = dict(
        zip(snapshot.documents.ids.strings, snapshot.documents.numbers["price"], strict=True)
    )
    sessions = [
        replace(s, clicked=tuple(sorted(s.shown, key=price.__getitem__)[:2]), purchased=())
        for s in make_sessions(snapshot, 200)
    ]
    events = make_events(sessions, folder / "events.db")
    timeline = Timeline(SETTINGS, snapshot, make_tables(snapshot, events), events, 2)
    return timeline, from_sessions(sessions, Grades())


@pytest.fixture
def learn(world, tmp_path):
    timeline, judged = world
    store = ArtifactStore(tmp_path / "lambdarank", "release")
    file = tmp_path / "recipe.toml"
    file.write_text("")

    def learn(recipe, now_ms):
        return train(
            judged, timeline, recipe, SETTINGS, store, now_ms=now_ms, recipe_file=file
        )  # fmt: skip

    return learn, store


def test_the_first_is_held_against_fused_order_the_next_against_what_serves(learn):
    learn, store = learn
    first = learn(GOOD, NOW)
    assert [b.role for b in first.verdict.baselines] == ["fused order"]
    assert first.verdict.passed
    publish(first.release_id, first.verdict, store)

    second = learn(GOOD, NOW + DAY_MS)
    (serving,) = second.verdict.baselines
    assert (serving.role, serving.release_id) == ("serving", first.release_id)
    # The one that serves was trained again on these lists: its twin, the same model, sits the exam.
    assert (serving.difference.mean, serving.queries) == (0.0, second.comparison.queries)
    assert store.manifest(second.release_id)["gate"]["baselines"][0]["role"] == "serving"

    blind = GOOD.model_copy(
        update={
            "features": ("query_length", "hit_count"),
            "gate": EASY.model_copy(update={"min_difference": -0.005}),
        }
    )
    worse = learn(blind, NOW + 2 * DAY_MS)
    with pytest.raises(GateRefused, match=f"against serving {first.release_id} is -0"):
        publish(worse.release_id, worse.verdict, store)
    assert store.current_id() == first.release_id

    # Somebody forces it. The good one of two days ago is still there to be beaten.
    store.publish(worse.release_id)
    again = learn(blind, NOW + 3 * DAY_MS)
    roles = {b.role: b for b in again.verdict.baselines}
    assert roles["serving"].release_id == worse.release_id
    assert roles["best of 30 days"].release_id == first.release_id
    assert not again.verdict.passed
    assert len(again.verdict.reasons) == 1
    assert "best of 30 days" in again.verdict.reasons[0]
    assert set(again.comparison.evaluations) == {
        "ranked", "serving", f"release {first.release_id}", "fused", "lexical", "popularity",
        "random",
    }  # fmt: skip


def test_a_release_keeps_its_exam_and_its_twin(learn):
    learn, store = learn
    trained = learn(GOOD, NOW)
    path = store.path(trained.release_id)
    release = open_release(path)
    assert set(release.manifest["metrics"]["ranked"]) == set(metrics_of(GOOD))
    assert release.manifest["held_out_features"] == list(GOOD.features)
    assert release.manifest["rank_p95_ms"] > 0
    assert (path / "held_out.txt").exists()
    report = (path / "report.md").read_text()
    assert "| popularity |" in report
    assert "| random |" in report
    assert "| user without history |" in report or "| user with history |" in report
    assert "The gate is passed." in report
