"""Training rows are serving rows: one program computes both, and neither sees the future."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.offline.confidence import difference_interval
from app.offline.dataset import TrainingSet
from app.offline.evaluate import Variant, measure
from app.offline.fit import fit
from app.offline.folds import cut
from app.offline.judged import from_sessions
from app.offline.recipe import Grades, Negatives, Recipe
from app.offline.replay import Replay
from app.offline.timeline import Timeline
from app.query.understand import SearchRequest
from app.rank.lightgbm_model import LightGbmModel
from app.rank.local import LocalRanker
from app.settings import Settings
from tests.builders import NOW_MS, city_rows, make_snapshot
from tests.builders.behaviour import make_events, make_sessions, make_tables
from tests.builders.worlds import WORDS

SETTINGS = Settings.load(Path("config/search.toml"), environment={})
RECIPE = Recipe.load(Path("models/lambdarank/recipe.toml"))
EVERYTHING = Negatives(top=1000, random=0)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(city_rows(300), tmp_path_factory.mktemp("world") / "s")


@pytest.fixture(scope="module")
def sessions(snapshot):
    return make_sessions(snapshot, 160)


def timeline_of(snapshot, sessions, folder, blocks=4):
    events = make_events(sessions, folder / "events.db")
    return Timeline(SETTINGS, snapshot, make_tables(snapshot, events), events, blocks)


def features_of(timeline):
    """What the recipe asks for, and every counter in every window."""
    schema = timeline.snapshot.documents.schema
    counters = [f"{t.name}(*)" for t in CATALOG.templates.values() if t.over == "window"]
    recipe = RECIPE.model_copy(update={"features": (*RECIPE.features, *counters)})
    return FeatureSet(CATALOG, recipe.feature_names(schema, timeline.channels))


def test_training_rows_equal_serving_rows_to_the_bit(snapshot, sessions, tmp_path):
    timeline = timeline_of(snapshot, sessions, tmp_path)
    features = features_of(timeline)
    judged = [replace(j, is_timed=False) for j in from_sessions(sessions, Grades())][:20]
    trained = timeline.assemble(judged, features, EVERYTHING, 7, lambda _: None, tmp_path)
    start = 0
    with Replay(SETTINGS, snapshot, timeline.tables) as replay:
        for one, size in zip(judged, trained.sizes, strict=True):
            replayed = replay.candidates(one.request, one.now_ms, {})
            served = LocalRanker(features, _Names(features.names), None).matrix(
                replayed.ctx, replayed.candidates
            )
            n = len(replayed.candidates)
            np.testing.assert_array_equal(trained.features[start : start + n], served)
            start += size


def test_any_slice_of_the_candidates_has_the_same_bits(snapshot, sessions, tmp_path):
    timeline = timeline_of(snapshot, sessions, tmp_path)
    features = features_of(timeline)
    rng = np.random.default_rng(3)
    with Replay(SETTINGS, snapshot, timeline.tables) as replay:
        request = SearchRequest(text="老灶 火锅 garden", user_id="u3")
        replayed = replay.candidates(request, NOW_MS, {})
        ctx, whole = replayed.ctx, replayed.candidates
        lists = [n for n in features.inputs if n.startswith("list_")]
        values = gather(lists, ctx, whole)
        every = features.matrix(gather(features.inputs, ctx, whole), len(whole))
        order = rng.permutation(len(whole))[:37]
        some = whole.take(order)
        few = features.matrix(gather(features.inputs, ctx, some, values), len(some))
    np.testing.assert_array_equal(few, every[order])


def test_later_events_change_no_bit_of_an_earlier_row(snapshot, sessions, tmp_path):
    early, cut_ms = sessions[:80], sessions[80].ts_ms
    rows = []
    for name, known in (("short", early), ("long", sessions)):
        (tmp_path / name).mkdir()
        timeline = timeline_of(snapshot, known, tmp_path / name)
        judged = [j for j in from_sessions(early, Grades()) if j.now_ms < cut_ms]
        features = features_of(timeline)
        rows.append(timeline.assemble(judged, features, EVERYTHING, 7, lambda _: None, tmp_path))
    np.testing.assert_array_equal(rows[0].features, rows[1].features)
    np.testing.assert_array_equal(rows[0].labels, rows[1].labels)


class Leaking(Timeline):
    """What the timeline must never be: every query sees the tables of the whole log."""

    def tables_before(self, moment_ms):
        return self.tables


GAINS = ("doc_gain_log", "doc_ctr", "user_gain_log", "neighbour_similarity")
COUNTERS = ("ctr(all)", "ctr(7d)", "query_document_ctr(all)", "query_document_impressions_log(1d)")


def typed_before(i):
    """Each text is typed by few, so that a pair's clicks would tell much, if they were told."""
    return f"{WORDS[i % 10]} {WORDS[i * 7 // 10 % 10]}"


@pytest.mark.parametrize(
    ("names", "query"),
    [(GAINS, lambda _: ""), (COUNTERS, typed_before)],
    ids=["gains", "counters"],
)
@pytest.mark.parametrize("kind", [Timeline, Leaking])
def test_with_labels_permuted_nothing_can_be_learned_unless_it_leaks(
    kind, names, query, snapshot, sessions, tmp_path
):
    """Clicks drawn at random before anything is built: held-out nDCG is no better than random's."""
    rng = np.random.default_rng(11)
    sessions = [
        replace(
            s,
            clicked=(str(rng.choice(s.shown)),),
            purchased=(),
            query=query(i),
            user_id=f"u{i % 9}",
        )
        for i, s in enumerate(sessions)
    ]
    events = make_events(sessions, tmp_path / "events.db")
    timeline = kind(SETTINGS, snapshot, make_tables(snapshot, events, NOW_MS + 1), events, 4)
    recipe = replace_recipe(names)
    features = FeatureSet(CATALOG, recipe.features)
    parts = cut(from_sessions(sessions, Grades()), recipe)
    rows: list[TrainingSet] = [
        timeline.assemble(p, features, recipe.negatives, 7, lambda _: None, tmp_path)
        for p in parts.fitting
    ]
    fitted = fit(rows[0], rows[1], recipe, 1)
    model = LightGbmModel.of(fitted.booster, features.names, fitted.rounds)
    found = measure(
        parts.test,
        timeline,
        [Variant("ranked", _Inline(features, model)), Variant("random", _Shuffled())],
        ("nDCG@10",),
        7,
    )
    ranked, random = (found.evaluations[v].values["nDCG@10"] for v in ("ranked", "random"))
    difference = difference_interval(ranked, random, 7)
    if kind is Leaking:
        assert difference.low > 0  # the check can fail
    else:
        assert difference.low <= 0


def replace_recipe(features):
    changes = {
        "features": features,
        "split": RECIPE.split.model_copy(update={"valid": 0.2, "test": 0.3}),
        "parameters": {**RECIPE.parameters, "min_data_in_leaf": 5},
        "rounds": 60,
    }
    return RECIPE.model_copy(update=changes)


class _Names:
    """A model's names alone, for a ranker of which only the features are asked."""

    def __init__(self, names):
        self.feature_names = names


class _Inline:
    """Ranks on the calling thread."""

    def __init__(self, features, model):
        self.local = LocalRanker(features, model, None)

    async def rank(self, ctx, candidates):
        return self.local.score(ctx, candidates)


class _Shuffled:
    """Ranks at random, the same way twice."""

    async def rank(self, ctx, candidates):
        seed = ctx.query.now_ms % 2**32
        return np.random.default_rng(seed).random(len(candidates)).astype(np.float32)
