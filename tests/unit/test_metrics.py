"""Metrics equal naive formulas on any run, and intervals behave as the bootstrap says."""

import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.offline.confidence import Interval, difference_interval, mean_interval
from app.offline.metrics import STANDARD, evaluate, without

documents = [f"d{i}" for i in range(30)]
rankings = st.lists(st.sampled_from(documents), unique=True, max_size=30)
judgements = st.dictionaries(st.sampled_from(documents), st.integers(0, 3), max_size=20)
queries = st.dictionaries(
    st.sampled_from("abcde"), st.tuples(rankings, judgements), min_size=1, max_size=5
)


def ndcg(ids, grades, k):
    def dcg(gains):
        return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains[:k], 1))

    ideal = sorted(grades.values(), reverse=True)
    return dcg([grades.get(i, 0) for i in ids]) / dcg(ideal)


def average_precision(ids, relevant):
    hits = [rank for rank, i in enumerate(ids, 1) if i in relevant]
    return sum(found / rank for found, rank in enumerate(hits, 1)) / len(relevant)


def naive(ids, grades):
    relevant = {i for i, grade in grades.items() if grade > 0}
    first = next((rank for rank, i in enumerate(ids, 1) if i in relevant), math.inf)
    return {
        "nDCG@10": ndcg(ids, grades, 10),
        "R@100": len(relevant & set(ids[:100])) / len(relevant),
        "MRR": 1 / first,
        "AP": average_precision(ids, relevant),
        "Judged@10": sum(i in grades for i in ids[:10]) / max(1, min(10, len(ids))),
    }


@settings(max_examples=200, deadline=None)
@given(data=queries)
def test_every_metric_of_every_query_equals_its_formula(data):
    run = {qid: ids for qid, (ids, _) in data.items()}
    qrels = {qid: grades for qid, (_, grades) in data.items()}
    found = evaluate(run, qrels)
    assert set(found.qids) == {q for q, grades in qrels.items() if any(grades.values())}
    assert found.without_relevant == len(data) - len(found.qids)
    assert found.unanswered == sum(not run[qid] for qid in found.qids)
    for place, qid in enumerate(found.qids):
        expected = naive(run[qid], qrels[qid])
        assert {m: found.values[m][place] for m in STANDARD} == pytest.approx(expected)


def test_a_mean_equals_that_of_ir_measures_on_a_scored_run():
    rng = np.random.default_rng(3)
    scored = {
        f"q{q}": {f"d{d}": float(rng.random()) for d in rng.permutation(300)[:120]}
        for q in range(20)
    }
    qrels = {q: {f"d{d}": int(rng.integers(3)) for d in rng.permutation(300)[:25]} for q in scored}
    run = {q: sorted(hits, key=hits.__getitem__, reverse=True) for q, hits in scored.items()}
    metrics = ("nDCG@10", "R@100", "RR", "AP", "Judged@10", "P@5")
    measures = [ir_measures.parse_measure(name) for name in metrics]
    expected = ir_measures.calc_aggregate(measures, qrels, scored)
    found = evaluate(run, qrels, metrics)
    for name, measure in zip(metrics, measures, strict=True):
        assert found.mean(name) == pytest.approx(expected[measure])


def test_equal_scores_are_not_reordered_by_id():
    """trec_eval would put z before a where scores tie; a ranking has no ties."""
    assert evaluate({"q": ["a", "z"]}, {"q": {"a": 1}}, ["MRR"]).mean("MRR") == 1.0


def test_unjudged_documents_count_as_irrelevant():
    found = evaluate({"q": ["new", "good"]}, {"q": {"good": 1, "bad": 0}})
    assert found.mean("nDCG@10") == pytest.approx(1 / math.log2(3))
    assert found.mean("Judged@10") == 0.5


def test_queries_that_cannot_tell_rankings_apart_are_left_out_and_counted():
    qrels = {"a": {"d": 1}, "b": {"d": 0}}
    found = evaluate({"a": ["d"], "b": ["d"]}, qrels, ["AP"], qids=["a", "b", "nobody judged"])
    assert (found.qids, found.without_relevant) == (("a",), 2)
    assert found.mean("AP") == 1.0


def test_a_query_without_an_answer_counts_zero():
    found = evaluate({"a": ["d"], "c": []}, {q: {"d": 1} for q in "abc"})
    assert found.unanswered == 2
    assert all(found.mean(metric) == pytest.approx(1 / 3) for metric in STANDARD)


def test_an_empty_run_counts_zero_and_no_query_at_all_is_nan():
    assert evaluate({}, {"a": {"d": 1}}).mean("nDCG@10") == 0.0
    assert math.isnan(evaluate({"a": ["d"]}, {}).mean("nDCG@10"))


def test_only_the_queries_asked_for_count():
    qrels = {"train": {"d": 1}, "test": {"d": 1}}
    assert evaluate({"test": ["d"]}, qrels, ["AP"], qids=["test"]).mean("AP") == 1.0


@pytest.mark.parametrize("name", ["nDGC@10", "nDCG@ten", "", "recall@", "nDCG(dcg='log3')@5"])
def test_an_unknown_metric_is_refused_by_name(name):
    with pytest.raises(InvalidInput) as error:
        evaluate({"q": ["d"]}, {"q": {"d": 1}}, [name])
    assert repr(name) in str(error.value)


@pytest.mark.parametrize(
    ("alias", "name"),
    [("recall@20", "R@20"), ("MRR@10", "RR@10"), ("MAP", "AP"), ("ndcg@5", "nDCG@5")],
)
def test_the_names_that_people_use_are_known(alias, name):
    run, qrels = {"q": ["x", "d"]}, {"q": {"d": 1}}
    assert evaluate(run, qrels, [alias]).mean(alias) == evaluate(run, qrels, [name]).mean(name) > 0


def test_a_ranking_with_a_document_twice_is_refused():
    with pytest.raises(InvalidInput, match="'d' stands twice"):
        evaluate({"q": ["d", "e", "d"]}, {"q": {"d": 1}})


def test_seen_documents_are_taken_out_and_the_order_stays():
    run = {"a": ["x", "y", "z"], "b": ["x"]}
    assert without(run, {"a": {"y": 1}}) == {"a": ["x", "z"], "b": ["x"]}


def test_an_interval_agrees_with_the_normal_approximation():
    values = np.random.default_rng(5).normal(0.5, 0.2, 2000)
    found = mean_interval(values, seed=1)
    error = 1.96 * values.std() / math.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - error, abs=error / 20)
    assert found.high == pytest.approx(values.mean() + error, abs=error / 20)


def test_about_95_of_100_intervals_hold_the_truth():
    rng = np.random.default_rng(8)
    samples = rng.exponential(1.0, (200, 100))
    intervals = [mean_interval(values, seed=1, resamples=1000) for values in samples]
    assert 0.88 <= np.mean([i.low <= 1.0 <= i.high for i in intervals]) <= 0.99


def test_resampling_in_blocks_draws_like_the_naive_loop(monkeypatch):
    values = np.random.default_rng(0).random(40)
    drawn = np.random.default_rng(9).integers(40, size=(500, 40), dtype=np.int32)
    expected = np.quantile([values[row].mean() for row in drawn], [0.025, 0.975])
    whole = mean_interval(values, seed=9, resamples=500)
    assert [whole.low, whole.high] == pytest.approx(expected)
    monkeypatch.setattr("app.offline.confidence._CELLS", 40 * 7)
    assert mean_interval(values, seed=9, resamples=500) == whole


def test_pairing_sees_a_small_gain_that_two_intervals_would_hide():
    rng = np.random.default_rng(2)
    theirs = rng.random(300)
    ours = theirs + 0.01 + rng.normal(0, 0.02, 300)
    gain = difference_interval(ours, theirs, seed=4)
    assert gain.excludes_zero
    assert 0 < gain.low < gain.mean < gain.high < 0.02
    assert mean_interval(ours, seed=4).low < mean_interval(theirs, seed=4).high


def test_a_difference_that_may_be_chance_holds_zero():
    noise = np.random.default_rng(6).normal(0, 1, 100)
    assert not difference_interval(noise - noise.mean(), np.zeros(100), seed=1).excludes_zero


def test_a_seed_repeats_an_interval_and_another_does_not():
    values = np.random.default_rng(1).random(50)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


def test_values_of_other_queries_are_not_paired():
    with pytest.raises(ValueError, match="shapes"):
        difference_interval(np.zeros(3), np.zeros(4), seed=1)


def test_no_values_have_no_interval_and_equal_values_no_width():
    assert math.isnan(mean_interval(np.zeros(0), seed=1).low)
    assert mean_interval(np.full(9, 0.25), seed=1) == Interval(0.25, 0.25, 0.25)
