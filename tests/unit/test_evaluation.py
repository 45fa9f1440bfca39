"""Held-out lists: what each counts for, plain orders, calibration and what a comparison says."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.domain.errors import FeatureMismatch
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.offline.calibration import TENTHS, Calibrator
from app.offline.confidence import difference_interval, mean_interval
from app.offline.evaluate import Answered, Comparison, Variant, measure
from app.offline.judged import Judged
from app.offline.metrics import Evaluation
from app.offline.orders import ByPopularity, ModelOrder, SharedFeatures, Shuffled, Timed
from app.offline.replay import Replay
from app.offline.timeline import Timeline
from app.offline.weights import list_weights
from app.query.understand import SearchRequest
from app.rank.local import LocalRanker
from app.settings import Settings
from app.snapshot.tables import Tables
from tests.builders import NOW_MS, city_rows, make_snapshot

SETTINGS = Settings.load(Path("config/search.toml"), environment={})


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(city_rows(120), tmp_path_factory.mktemp("world") / "s")


@pytest.fixture(scope="module")
def replay(snapshot):
    with Replay(SETTINGS, snapshot, Tables.empty(len(snapshot))) as replay:
        yield replay


@pytest.fixture(scope="module")
def asked(replay):
    ctx = replay.context(SearchRequest(text="火锅 garden"), NOW_MS)
    return ctx, replay.recall(ctx)


def judged(grades, weights=None, qid="q"):
    return Judged(
        qid, SearchRequest(text="火锅 garden"), NOW_MS, grades, False, weights=weights or {}
    )  # fmt: skip


# Weights


def test_equal_weights_change_nothing():
    rng = np.random.default_rng(1)
    ours, theirs = rng.random(40), rng.random(40)
    plain = difference_interval(ours, theirs, 7)
    weighed = difference_interval(ours, theirs, 7, weights=np.full(40, 3.0))
    assert weighed.mean == pytest.approx(plain.mean)
    assert (weighed.low, weighed.high) == pytest.approx((plain.low, plain.high))


def test_a_weighted_mean_is_self_normalised():
    found = mean_interval(np.array([1.0, 0.0]), 7, weights=np.array([3.0, 1.0]))
    assert found.mean == 0.75
    assert 0 <= found.low <= found.mean <= found.high <= 1  # a plain sum of weights may leave [0,1]


def test_weighing_by_propensity_finds_the_mean_that_biased_clicks_hide():
    """Lists whose click was at position 1 are seen four times as often as those at 4."""
    rng = np.random.default_rng(3)
    good, easy = rng.random(20_000), rng.random(20_000) < 0.5
    value = np.where(easy, 0.8, 0.2) + 0.1 * good  # a system that is good on the easy half
    propensity = np.where(easy, 1.0, 0.25)
    seen = rng.random(20_000) < propensity
    true = value.mean()
    naive = mean_interval(value[seen], 7, 500)
    weighed = mean_interval(value[seen], 7, 500, weights=1 / propensity[seen])
    assert naive.low > true + 0.1
    assert weighed.low < true < weighed.high


def test_a_list_weighs_what_its_relevant_documents_do():
    lists = [
        judged({"a": 1, "b": 0, "c": 2}, {"a": 2.0, "b": 9.0, "c": 4.0}, "two"),
        judged({"a": 1}, {}, "plain"),
    ]
    assert list_weights(lists) == {"two": 3.0, "plain": 1.0}
    assert list_weights(lists[1:]) is None


# Orders


def test_a_shuffle_is_the_same_twice_and_another_with_another_seed(replay, asked):
    ctx, candidates = asked
    one, same, other = (replay.score(ctx, candidates, Shuffled(s)) for s in (7, 7, 8))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert one.shape == candidates.fused.shape


def test_popularity_orders_as_the_popular_channel_does(replay, asked):
    ctx, candidates = asked
    scores = replay.score(ctx, candidates, ByPopularity())
    popular = replay.recall(ctx, ("popular",))
    hits = dict(zip(popular.rows.tolist(), popular.scores[:, 0], strict=True))
    both = [(s, hits[int(r)]) for r, s in zip(candidates.rows, scores, strict=True) if r in hits]
    assert both
    assert all(ours == theirs for ours, theirs in both)


class Sum:
    """A model that adds its features up."""

    def __init__(self, *names):
        self.feature_names = names

    def predict(self, features):
        assert features.flags.c_contiguous
        return np.nansum(features, axis=1).astype(np.float32)


@pytest.mark.parametrize(
    "others",
    [
        [],
        [("cosine", "hit_count")],
        [("attr(price)",)],
        [("attr(price)", "cosine", "hit_rank(lexical)")],
        [("attr(price)", "cosine"), ("hit_count",)],
    ],
)
def test_sharing_features_changes_no_score(replay, asked, others):
    ctx, candidates = asked
    first = Sum("bm25(title)", "cosine", "hit_count")
    models = [first, *(Sum(*names) for names in others)]
    shared = SharedFeatures(first.feature_names, *others)
    for model in (*models, first):
        alone = SharedFeatures(model.feature_names)
        np.testing.assert_array_equal(
            replay.score(ctx, candidates, ModelOrder(shared, model)),
            replay.score(ctx, candidates, ModelOrder(alone, model)),
        )


def test_every_call_of_a_timed_ranker_is_counted(replay, asked):
    timed = Timed(Shuffled(7))
    assert np.isnan(timed.percentile_ms(95))
    replay.score(*asked, timed)
    assert timed.percentile_ms(95) > 0


class Fixed:
    """A released model that says the same of every document."""

    def __init__(self, value):
        self.value = value

    def predict(self, lookup):
        return np.full(lookup.rows.size, self.value, np.float32)


def test_rankers_ask_models_as_old_as_the_tables_and_not_the_released_ones(snapshot):
    names = ("model(ctr)",)
    released, of_the_moment = {"ctr": Fixed(1.0)}, {"ctr": Fixed(3.0)}
    shared = ModelOrder(SharedFeatures(names), Sum(*names), released)
    with ThreadPoolExecutor(1) as threads:
        alone = LocalRanker(FeatureSet(CATALOG, names), Sum(*names), threads, released)
        for models, said in (({}, 1.0), (of_the_moment, 3.0)):
            with Replay(SETTINGS, snapshot, Tables.empty(len(snapshot)), models) as replay:
                ctx = replay.context(SearchRequest(text="火锅"), NOW_MS)
                candidates = replay.recall(ctx)
                for ranker in (shared, Timed(shared), alone):
                    assert (replay.score(ctx, candidates, ranker) == said).all()
                assert (replay.search(SearchRequest(), NOW_MS, alone).scores == said).all()


# Comparisons


class Broken:
    async def rank(self, ctx, candidates):
        raise FeatureMismatch("computed otherwise")


def test_a_ranker_that_fails_is_not_measured_as_fused_order(snapshot):
    timeline = Timeline(SETTINGS, snapshot, Tables.empty(len(snapshot)))
    with pytest.raises(FeatureMismatch):
        measure([judged({"d1": 1})], timeline, [Variant("x", Broken())], ("nDCG@10",), 7)


def comparison(counted=None, weights=None):
    scored = {
        name: Evaluation(("a", "b", "c"), {"RR": np.array(values)}, 0, 0)
        for name, values in (("ranked", [1.0, 0.5, 0.0]), ("serving", [0.0, 0.5, 1.0]))
    }
    return Comparison(scored, ("RR",), 7, weights, counted or {})


def test_a_release_is_judged_only_by_lists_that_count_for_it():
    held = comparison({"serving": np.array([True, True, False])})
    assert held.against("serving").mean == 0.5
    assert held.interval("serving", "RR").mean == 0.25
    assert held.interval("ranked", "RR").mean == 0.5
    assert held.against("serving", among=np.array([False, True, True])).mean == 0.0


def test_lists_count_by_their_weight():
    assert comparison(weights=np.array([3.0, 1.0, 1.0])).against("serving").mean == 0.4


def test_every_variant_orders_its_own_candidates(snapshot):
    timeline = Timeline(SETTINGS, snapshot, Tables.empty(len(snapshot)))
    seen: list[Answered] = []
    variants = (Variant("fused"), Variant("lexical", None, ("lexical",)))
    measure([judged({"d1": 1})], timeline, variants, ("nDCG@10",), 7, watch=seen.append)
    (answered,) = seen
    assert answered.orders["lexical"][0].channels == ("lexical",)
    assert len(answered.orders["fused"][0].channels) > 1
    assert len(answered.ids("fused", 5)) == 5


# Calibration


def test_tenths_of_the_score_carry_the_grades_that_they_have(replay, asked):
    ctx, candidates = asked
    ids = [ctx.snapshot.documents.ids.strings[int(r)] for r in candidates.rows[:100]]
    scores = np.arange(len(candidates), 0, -1).astype(np.float32)
    grades = {i: 2 if at < 10 else 0 for at, i in enumerate(ids)} | {"not recalled": 1}
    calibrator = Calibrator("ranked")
    calibrator.watch(Answered(judged(grades), ctx, {"ranked": (candidates, scores)}))
    found = calibrator.result()
    assert found.rows == len(ids)
    assert len(found.scores) == TENTHS
    assert (np.diff(found.scores) > 0).all()
    assert found.grades.tolist()[-1] == 2.0
    assert found.relevant.tolist()[:-1] == [0.0] * (TENTHS - 1)


def test_a_handful_of_judged_documents_has_no_curve():
    assert Calibrator("ranked").result() is None
