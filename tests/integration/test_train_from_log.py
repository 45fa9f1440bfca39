"""From impressions and events to a release, as `duolu train RECIPE` does it each night."""

import numpy as np
import pytest

from app.corpus.event_log import EventLog
from app.domain.errors import InvalidInput
from app.domain.events import Event
from app.offline.impression_events import event_of, tell
from app.offline.labelled import JudgedBy, labelled_from_log
from app.offline.recipe import Recipe
from app.offline.sessions import sessions_of
from app.offline.workflow import refresh_tables, train_model
from tests.builders.impressions import TABLES_MS, make_logged, make_place
from tests.builders.requests import NOW_MS

RECIPE = """
features = ["bm25(title)", "cosine", "user_gain_log", "doc_ctr", "hit_count", "candidates",
            "doc_gain_log"]
rounds = 5
[split]
valid = 0.2
test = 0.2
"""


def clicks(impressions, rng):
    """Each list is clicked once, some twice; a few clicks fit nowhere."""
    for one in impressions:
        document = one.shown_ids[int(rng.integers(5))]
        yield Event(
            f"c{one.request_id}", "click", one.now_ms + 30_000, query_id=one.request_id,
            object_id=document, user_id=one.user_id,
        )  # fmt: skip
    late = impressions[0].now_ms + 3 * 3_600_000
    yield Event("late", "click", late, query_id=one.request_id, object_id=document)
    yield Event("lost", "click", late, query_id="nobody's", object_id=document)


@pytest.fixture
def logged(tmp_path):
    logged = make_logged(tmp_path, 40)
    log = EventLog.open(logged.place.events_file)
    log.append(clicks(logged.impressions, np.random.default_rng(1)))
    log.close()
    return logged


def test_training_from_the_log_takes_impressions_and_imported_lists_together(logged, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    trained = train_model(logged.place, recipe, JudgedBy(), now_ms=NOW_MS)
    assert trained.groups["fit"] + trained.groups["valid"] + trained.groups["test"] == 160
    joined, rows = trained.log["join"], trained.log["rows"]
    assert (joined["impressions"], joined["impressions_with_action"]) == (40, 40)
    assert (joined["late"], joined["unknown_request"]) == (1, 1)
    assert rows["values_replayed"] > 0  # doc_ctr and doc_gain_log were in no release
    assert rows["values_logged"] > rows["values_replayed"]
    assert trained.log["stand_ins"] == {"snapshot": 0, "tables": 0, "view": 0}
    released = logged.place.stores.releases.manifest(trained.release_id)
    assert set(released["features"]) <= set(Recipe.load(recipe).features) | {"bm25(title)"}


@pytest.mark.parametrize("method", ["propensity", "unbiased_lambdarank"])
def test_a_release_says_how_its_clicks_were_corrected(logged, tmp_path, method):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'{RECIPE}\n[debias]\nmethod = "{method}"\nmin_clicks = 5\nresamples = 5\n')
    trained = train_model(logged.place, recipe, JudgedBy(), now_ms=NOW_MS)
    releases = logged.place.stores.releases
    facts = releases.manifest(trained.release_id)["debias"]
    assert (facts["method"], facts["lists"], facts["refused"]) == (method, 160, 0)
    assert bool(facts["propensity"]) == (method == "propensity")
    told = (releases.path(trained.release_id) / "report.md").read_text()
    assert f"Debiasing: {method}, 160 lists." in told


def test_a_log_that_cannot_tell_positions_apart_trains_nothing(logged, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE + '[debias]\nmethod = "randomised"\n')
    with pytest.raises(InvalidInput, match="0 clicks in 0 lists shown in random order"):
        train_model(logged.place, recipe, JudgedBy(), now_ms=NOW_MS)


def test_a_search_that_is_in_both_logs_is_taken_once_and_from_the_impressions(logged):
    place, recipe = logged.place, Recipe(features=("cosine",))
    refresh_tables(place, place.snapshot(), NOW_MS)
    judged = labelled_from_log(recipe, place.events(), place.stores.impressions, NOW_MS).judged
    qids = [one.qid for one in judged]
    assert len(qids) == len(set(qids)) == 160
    ours = [one for one in judged if one.impression is not None]
    assert {one.qid for one in ours} == {i.request_id for i in logged.impressions}


def test_the_event_log_is_told_what_was_shown_once(logged):
    place = logged.place
    log = EventLog.open(place.events_file)
    assert tell(place.stores.impressions, log) == 40
    assert tell(place.stores.impressions, log) == 0
    log.close()
    told = {s.request_id: s for s in sessions_of(place.events())}
    for one in logged.impressions:
        session = told[one.request_id]
        assert (session.shown, session.offset) == (one.shown_ids, one.offset)
        assert (session.ts_ms, session.user_id) == (one.now_ms, one.user_id)
    assert event_of(logged.impressions[0]).ts_ms > TABLES_MS


def test_tables_count_what_our_own_service_showed(logged):
    place, snapshot = logged.place, logged.place.snapshot()
    before = place.tables(snapshot).counters["impressions"].sum()
    others = sum(len(s.shown) for s in logged.sessions if s.ts_ms >= TABLES_MS - 3_600_000)
    refresh_tables(place, snapshot, NOW_MS)
    after = place.tables(snapshot).counters["impressions"].sum()
    late = 100  # ten lists of ten that arrived after the tables
    assert after - before == others + late + sum(i.shown for i in logged.impressions)


def test_an_empty_log_says_what_to_give(tmp_path):
    place, recipe = make_place(tmp_path, 20), tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    with pytest.raises(InvalidInput, match="nothing to train from"):
        train_model(place, recipe, JudgedBy(), now_ms=NOW_MS)
    assert not place.events_file.exists()
