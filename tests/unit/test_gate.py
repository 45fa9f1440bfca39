"""The gate says every reason against a model, with the number, the limit and what to do."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.errors import GateRefused
from app.offline.confidence import Interval
from app.offline.gate import Baseline, Evidence, judge, publish
from app.offline.recipe import Gate, Recipe
from app.rank.golden import Golden
from app.snapshot.artifact import seal
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows, make_snapshot
from tests.builders.releases import make_release

ID = "20260101T000000Z-0000000a"
GATE = Gate()


def against(low, mean=0.0, role="fused order", release_id=None):
    return Baseline(role, release_id, 300, Interval(mean, low, mean + 0.01))


GOOD = Evidence("nDCG@10", True, 2000, 100.0, (against(-0.005),))


def reasons(evidence):
    return judge(evidence, GATE).reasons


def test_a_model_that_keeps_every_limit_passes():
    verdict = judge(GOOD, GATE)
    assert verdict.passed
    assert verdict.reasons == ()


def test_the_limits_are_those_of_the_committed_recipe():
    assert Recipe.load(Path("models/lambdarank/recipe.toml")).gate == GATE


def test_a_model_that_may_be_worse_is_refused_with_figures_limit_and_baseline():
    worse = against(-0.0051, -0.0051, "serving", ID)
    (reason,) = reasons(replace(GOOD, baselines=(against(0.1), worse)))
    assert f"serving {ID}" in reason
    assert "-0.0051" in reason
    assert "at or above -0.005" in reason
    assert "compare the two reports" in reason


def test_where_only_the_interval_is_too_wide_more_lists_are_asked_for():
    (reason,) = reasons(replace(GOOD, baselines=(against(-0.02, mean=0.001),)))
    assert "hold out more lists" in reason


def test_too_few_lists_with_a_click_are_refused():
    (reason,) = reasons(replace(GOOD, lists=1999))
    assert reason.startswith("1,999 shown lists with a click")
    assert "2,000" in reason


def test_too_few_judged_queries_are_refused_and_clicks_not_asked_for():
    judged = replace(GOOD, is_logged=False, lists=199)
    (reason,) = reasons(judged)
    assert reason.startswith("199 judged queries")
    assert "200" in reason
    assert not reasons(replace(judged, lists=200))


def test_a_model_that_ranks_too_slowly_is_refused():
    (reason,) = reasons(replace(GOOD, rank_p95_ms=100.1))
    assert "100.1 ms" in reason
    assert "gate.max_rank_ms allows 100" in reason
    assert "fewer features" in reason


def test_without_a_single_held_out_query_nothing_is_published():
    assert "nothing to hold it against" in reasons(replace(GOOD, baselines=()))[0]


def test_a_baseline_that_could_not_be_opened_does_not_refuse_and_stays_named():
    gone = Baseline("serving", ID, 0, None, "another encoder")
    verdict = judge(replace(GOOD, baselines=(gone, against(0.1))), GATE)
    assert verdict.passed
    assert "another encoder" in str(verdict.baselines[0])
    assert json.loads(json.dumps(verdict.to_json()))["baselines"][0]["left_out"]


def test_every_reason_is_said_at_once(store):
    verdict = judge(replace(GOOD, lists=1, baselines=(against(-1.0),)), GATE)
    with pytest.raises(GateRefused) as refused:
        publish(ID, verdict, store)
    said = str(refused.value).splitlines()
    assert len(said) == 1 + len(verdict.reasons) == 3
    assert ID in said[0]
    assert store.current_id() is None


@pytest.fixture
def store(tmp_path):
    store = ArtifactStore(tmp_path / "models", "release")
    make_release(make_snapshot(city_rows(30), tmp_path / "s"), store, ID, "price")
    return store


def test_a_good_release_is_published(store):
    publish(ID, judge(GOOD, GATE), store)
    assert store.current_id() == ID


def test_golden_rows_that_disagree_are_refused(store):
    path = store.path(ID)
    golden = Golden.open(path / "golden" / "0.npz")
    replace(golden, features=golden.features + 1).save(path / "golden" / "0.npz")
    manifest = store.manifest(ID)
    facts = {k: v for k, v in manifest.items() if k not in ("kind", "format", "files")}
    seal(path, "release", facts)  # as a build that computes the feature otherwise would see it
    with pytest.raises(GateRefused, match=r"price.*computed otherwise.*train again"):
        publish(ID, judge(GOOD, GATE), store)
    assert store.current_id() is None


def test_an_altered_release_is_refused(store):
    with (store.path(ID) / "model.txt").open("a") as model:
        model.write("x")
    with pytest.raises(GateRefused, match=r"model\.txt"):
        publish(ID, judge(GOOD, GATE), store)
