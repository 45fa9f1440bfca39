"""Click models as a feature: rows of training see one from their own past, serving the release."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.corpus.event_columns import EventColumns
from app.corpus.event_log import EventLog
from app.domain.events import CLICK, Event
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.inputs import Lookup
from app.offline.confidence import difference_interval
from app.offline.ctr.as_of import KEPT_MOMENTS, _Log
from app.offline.ctr.rows import rows_of
from app.offline.evaluate import Variant, measure
from app.offline.fit import fit
from app.offline.folds import cut
from app.offline.judged import from_sessions
from app.offline.recipe import Grades, Negatives, Recipe
from app.offline.replay import Replay
from app.offline.sessions import events_of, sessions_of
from app.offline.timeline import Timeline
from app.offline.used import UsedModels, open_used
from app.rank.click_release import open_click_release
from app.rank.lightgbm_model import LightGbmModel
from app.rank.local import LocalRanker
from app.settings import Settings
from app.snapshot.store import ArtifactStore
from tests.builders import NOW_MS, city_rows, make_snapshot
from tests.builders.behaviour import make_events, make_tables
from tests.builders.click_models import make_click_release, tasteful_sessions
from tests.builders.releases import some_candidates

SETTINGS = Settings.load(Path("config/search.toml"), environment={})
FEATURES = FeatureSet(CATALOG, ("model(ctr)", "doc_ctr", "attr(price)"))
SOME = Negatives(top=5, random=5)
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(city_rows(150), tmp_path_factory.mktemp("world") / "s")


@pytest.fixture(scope="module")
def sessions(snapshot):
    return tasteful_sessions(snapshot, 200)


@pytest.fixture(scope="module")
def models(snapshot, sessions, tmp_path_factory):
    """A folder of models with a released click model."""
    folder = tmp_path_factory.mktemp("models")
    make_click_release(
        snapshot, ArtifactStore(folder / "ctr", "release"), sessions, folder / "recipe.toml"
    )
    return folder


def timeline_of(snapshot, sessions, folder, models, blocks=4, kind=Timeline):
    events = make_events(sessions, folder / "events.db")
    used = open_used(("ctr",), models, {}, snapshot, events)
    tables = make_tables(snapshot, events, NOW_MS + 1)
    return kind(SETTINGS, snapshot, tables, events, blocks, models=used)


def assembled(timeline, judged, features, folder, negatives=SOME):
    return timeline.assemble(judged, features, negatives, 7, lambda _: None, folder)


def test_untimed_rows_see_the_release_that_serving_sees(snapshot, sessions, models, tmp_path):
    timeline = timeline_of(snapshot, sessions, tmp_path, models)
    judged = [replace(j, is_timed=False) for j in from_sessions(sessions, Grades())][:20]
    judged = [j for j in judged if j.is_useful]
    trained = assembled(timeline, judged, FEATURES, tmp_path, Negatives(top=1000, random=0))
    release = open_click_release(models / "ctr" / timeline.models.uses["ctr"])
    start = 0
    with Replay(SETTINGS, snapshot, timeline.tables) as replay:
        for one, size in zip(judged, trained.sizes, strict=True):
            replayed = replay.candidates(one.request, one.now_ms, {})
            ranker = LocalRanker(
                FEATURES, _Names(), None, UsedModels({"ctr": release}, snapshot).released
            )
            served = ranker.matrix(replayed.ctx, replayed.candidates)
            n = len(replayed.candidates)
            np.testing.assert_array_equal(trained.features[start : start + n], served)
            assert np.isfinite(served[:, 0]).all()
            start += size


def test_later_events_change_no_bit_of_an_earlier_row(snapshot, sessions, models, tmp_path):
    """Neither new lists nor clicks on old ones that came afterwards."""
    early, cut_ms = sessions[:120], sessions[120].ts_ms
    late_clicks = [replace(s, clicked=s.shown) for s in early[90:]]  # all of it, in the end
    rows = []
    for name in ("short", "long"):
        (tmp_path / name).mkdir()
        timeline = timeline_of(
            snapshot, early if name == "short" else sessions, tmp_path / name, models
        )
        if name == "long":
            events = [_late(e, cut_ms) for s in late_clicks for e in events_of(s)]
            timeline.events = make_events_with(tmp_path / name, [e for e in events if e])
            timeline.models = open_used(("ctr",), models, {}, snapshot, timeline.events)
        judged = [j for j in from_sessions(early, Grades()) if j.now_ms < cut_ms]
        rows.append(assembled(timeline, judged, FEATURES, tmp_path))
    np.testing.assert_array_equal(rows[0].features, rows[1].features)
    assert np.isfinite(rows[0].features[:, 0]).any()


def _late(event, cut_ms):
    """A click told long after the list was shown, as another event."""
    if event.action_name != CLICK:
        return None
    return replace(event, event_id=f"late {event.event_id}", ts_ms=cut_ms + HOUR_MS)


def make_events_with(folder, more: list[Event]):
    log = EventLog.open(folder / "events.db")
    try:
        log.append(more)
        return EventColumns.load(log)
    finally:
        log.close()


def test_before_there_was_anything_to_learn_all_is_missing(snapshot, sessions, models, tmp_path):
    timeline = timeline_of(snapshot, sessions, tmp_path, models)
    first = timeline.models.before(sessions[0].ts_ms)["ctr"]
    with Replay(SETTINGS, snapshot, timeline.tables) as replay:
        ctx = replay.context(from_sessions(sessions[:1], Grades())[0].request, NOW_MS)
    five = some_candidates(snapshot, np.random.default_rng(1), 5)
    assert np.isnan(first.predict(Lookup(ctx, five))).all()


def test_lists_under_way_stand_as_they_stood(snapshot, sessions, models, tmp_path):
    """Any moment gives what the events before it alone would give."""
    rng = np.random.default_rng(4)
    slow = [
        replace(e, ts_ms=e.ts_ms + int(rng.integers(0, 5 * HOUR_MS)) * (e.action_name == CLICK))
        for s in sessions[:80]
        for e in events_of(s)
    ]
    events = make_events_with(tmp_path, slow)
    used = open_used(("ctr",), models, {}, snapshot, events)
    past = used._as_of[used.uses["ctr"]]
    log = _Log(events, past)
    for moment_ms in rng.integers(sessions[5].ts_ms, sessions[79].ts_ms, 25).tolist():
        found = log.before(moment_ms)
        known = sorted(sessions_of(events.before(moment_ms)), key=lambda s: (s.ts_ms, s.request_id))
        wanted = rows_of(known, snapshot, past.shape)
        order = np.argsort(found.ts_ms, kind="stable")
        found = found.take(order)
        for name in ("ts_ms", "fields", "weights", "positions", "clicked"):
            np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
        np.testing.assert_array_equal(found.asked.values, wanted.asked.values)
        np.testing.assert_array_equal(found.shown.values, wanted.shown.values)


def test_a_moment_is_fitted_once_and_old_ones_are_let_go(snapshot, sessions, models, tmp_path):
    used = timeline_of(snapshot, sessions, tmp_path, models).models
    moment = sessions[150].ts_ms
    assert used.before(moment)["ctr"] is used.before(moment)["ctr"]
    for hours in range(KEPT_MOMENTS + 3):
        used.before(moment + hours * HOUR_MS)
    assert len(used._as_of[used.uses["ctr"]]._known) <= KEPT_MOMENTS


class Leaking(Timeline):
    """What the timeline must never be: every query sees a model of the whole log."""

    def models_before(self, moment_ms):
        return self.models.before(NOW_MS + 1)


@pytest.mark.parametrize("kind", [Timeline, Leaking])
def test_with_labels_permuted_nothing_can_be_learned_unless_it_leaks(
    kind, snapshot, sessions, models, tmp_path
):
    """Clicks drawn at random before anything is built: held-out nDCG is no better than random's."""
    rng = np.random.default_rng(11)
    drawn = [
        replace(s, clicked=(str(rng.choice(s.shown)),), query=f"q{i % 90}", user_id=f"u{i % 40}")
        for i, s in enumerate(sessions)
    ]
    timeline = timeline_of(snapshot, drawn, tmp_path, models, kind=kind)
    recipe = Recipe(
        features=("model(ctr)",), rounds=60, parameters={"min_data_in_leaf": 5},
        split={"valid": 0.2, "test": 0.3},
    )  # fmt: skip
    features = FeatureSet(CATALOG, recipe.features)
    parts = cut(from_sessions(drawn, Grades()), recipe)
    rows = [assembled(timeline, p, features, tmp_path, recipe.negatives) for p in parts.fitting]
    fitted = fit(rows[0], rows[1], recipe, 1)
    model = LightGbmModel.of(fitted.booster, features.names, fitted.rounds)
    variants = [Variant("ranked", _here(features, model)), Variant("random", _Shuffled())]
    found = measure(parts.test, timeline, variants, ("nDCG@10",), 7)
    ranked, random = (found.evaluations[v].values["nDCG@10"] for v in ("ranked", "random"))
    difference = difference_interval(ranked, random, 7)
    assert (difference.low > 0) == (kind is Leaking), difference


class _Names:
    feature_names = FEATURES.names


class _Shuffled:
    """Ranks at random, the same way twice."""

    async def rank(self, ctx, candidates):
        seed = ctx.query.now_ms % 2**32
        return np.random.default_rng(seed).random(len(candidates)).astype(np.float32)


def _here(features, model):
    """A ranker on threads of its own; the replay gives it the models of the block's past."""
    return LocalRanker(features, model, ThreadPoolExecutor(1))
