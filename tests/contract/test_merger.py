"""What every merger owes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.domain.candidates import ChannelHits
from app.merge.convex import ConvexMerger
from app.merge.merger import SummingMerger
from app.merge.quota import QuotaMerger
from app.merge.rrf import RrfMerger
from app.merge.union import falling, in_order, rising

MERGERS = [
    pytest.param(RrfMerger(), id="rrf"),
    pytest.param(ConvexMerger(), id="convex"),
    pytest.param(QuotaMerger(), id="quota"),
    pytest.param(ConvexMerger({"a": 1.0, "b": 0.0}), id="convex-weighted"),
]


def hits(name, rows, scores=None):
    rows = np.array(rows, np.int32)
    scores = np.linspace(2, 1, rows.size) if scores is None else scores
    return ChannelHits(name, rows, np.array(scores, np.float32))


@st.composite
def lists(draw):
    found = []
    for name in "abc":
        rows = draw(st.lists(st.integers(0, 30), unique=True, max_size=12))
        scores = draw(hnp.arrays(np.float32, len(rows), elements=st.floats(-50, 50, width=32)))
        found.append(ChannelHits(name, np.array(rows, np.int32), -np.sort(-scores)))
    return found


@pytest.mark.parametrize("merger", MERGERS)
@given(found=lists(), limit=st.integers(1, 40))
def test_candidates_are_the_union_once_each_ordered_by_fused_then_row(merger, found, limit):
    merged = merger.merge(found, limit)
    union = set(np.concatenate([h.rows for h in found]).tolist())
    assert len(merged) == min(limit, len(union))
    assert len(set(merged.rows.tolist())) == len(merged)
    assert set(merged.rows.tolist()) <= union
    keys = list(zip((-merged.fused).tolist(), merged.rows.tolist(), strict=True))
    assert keys == sorted(keys)
    assert np.isfinite(merged.fused).all()


@pytest.mark.parametrize("merger", MERGERS)
@given(found=lists())
def test_each_channels_score_and_rank_stay_with_their_row(merger, found):
    merged = merger.merge(found, 100)
    for c, h in enumerate(found):
        told = dict(zip(h.rows.tolist(), h.scores.tolist(), strict=True))
        places = {row: rank for rank, row in enumerate(h.rows.tolist(), 1)}
        for i, row in enumerate(merged.rows.tolist()):
            assert merged.ranks[i, c] == places.get(row, 0)
            if row in told:
                assert merged.scores[i, c] == np.float32(told[row])
            else:
                assert np.isnan(merged.scores[i, c])


@pytest.mark.parametrize("merger", MERGERS)
@given(found=lists())
def test_a_smaller_limit_is_a_prefix_of_a_larger_one(merger, found):
    assert merger.merge(found, 5).rows.tolist() == merger.merge(found, 50).rows[:5].tolist()


@pytest.mark.parametrize("merger", MERGERS)
def test_nothing_found_merges_to_nothing(merger):
    merged = merger.merge([hits("a", []), hits("b", [])], 10)
    assert len(merged) == 0
    assert merged.scores.shape == (0, 2)


@pytest.mark.parametrize("merger", [p for p in MERGERS if isinstance(p.values[0], SummingMerger)])
@given(found=lists())
def test_what_each_channel_adds_sums_to_the_fused_score(merger, found):
    candidates, (rows, parts) = merger.merge(found, 100), merger.parts(found)
    assert parts.shape == (len(candidates), 3)
    by_row = dict(zip(rows.tolist(), parts.sum(axis=1), strict=True))
    for row, fused in zip(candidates.rows.tolist(), candidates.fused, strict=True):
        assert by_row[row] == pytest.approx(fused, rel=1e-6, abs=1e-6)
    returned = {
        row: ranks > 0 for row, ranks in zip(candidates.rows, candidates.ranks, strict=True)
    }
    for row, added in zip(rows, parts, strict=True):
        assert not added[~returned[row]].any()


def test_rrf_is_the_sum_of_weight_over_k_plus_rank():
    merged = RrfMerger({"a": 1.0, "b": 2.0}, k=60).merge([hits("a", [5, 7]), hits("b", [7])], 10)
    assert merged.rows.tolist() == [7, 5]
    np.testing.assert_allclose(merged.fused, [1 / 62 + 2 / 61, 1 / 61], rtol=1e-6)


def test_convex_with_weight_0_adds_candidates_and_reorders_nothing():
    text, poor = hits("text", [3, 1, 2]), hits("poor", [2, 9], [1.0, 0.9])
    merged = ConvexMerger({"text": 1.0, "poor": 0.0}).merge([text, poor], 10)
    assert merged.rows.tolist() == [3, 1, 2, 9]


def test_convex_takes_distances_as_nearer_is_better():
    geo = hits("geo", [4, 8, 6], [-0.1, -5.0, -10.0])
    merged = ConvexMerger().merge([geo], 10)
    assert merged.rows.tolist() == [4, 8, 6]
    assert merged.fused[0] == 1.0
    assert merged.fused[2] == 0.0


def test_quota_lets_a_channel_of_weight_2_place_two_rows_a_turn():
    merged = QuotaMerger({"a": 2.0, "b": 1.0}).merge(
        [hits("a", [1, 2, 3, 4]), hits("b", [11, 12])], 10
    )
    assert merged.rows.tolist() == [1, 2, 11, 3, 4, 12]


def test_a_channel_that_is_not_certain_weighs_less():
    rows = np.array([0, 1], np.int32)
    sure = ChannelHits("a", rows, np.array([1.0, 0.5], np.float32))
    unsure = ChannelHits("b", rows[::-1], np.array([1.0, 0.1], np.float32), certainty=0.1)
    merger = ConvexMerger({"a": 1.0, "b": 1.0})
    assert merger.merge([sure, unsure], 2).rows.tolist() == [0, 1]
    whole = unsure._replace(certainty=1.0)
    assert merger.merge([sure, whole], 2).rows.tolist() == [1, 0]


@given(hnp.arrays(np.int32, st.integers(0, 300), elements=st.integers(0, 2**31 - 1)))
def test_hits_by_row_stay_in_the_order_in_which_they_came(rows):
    assert (in_order(rising(rows)) & 0xFFFFFFFF).tolist() == np.argsort(
        rows, kind="stable"
    ).tolist()


@given(hnp.arrays(np.float32, st.integers(0, 300), elements=st.floats(allow_nan=False, width=32)))
def test_higher_scores_come_first_and_equal_ones_as_they_were(scores):
    best_first = np.argsort(-scores, kind="stable")
    assert (in_order(falling(scores)) & 0xFFFFFFFF).tolist() == best_first.tolist()


@given(found=lists(), limit=st.integers(1, 40))
def test_convex_is_the_sum_of_weighed_shares_in_the_order_of_channels(found, limit):
    """The naive sum, to the bit."""
    weights, fused = {"a": 0.7, "b": 1.3}, dict[int, float]()
    for h in found:
        scores = h.scores.astype(float).tolist()
        low, high = min([0.0, *scores]), max([-np.inf, *scores])
        for row, score in zip(h.rows.tolist(), scores, strict=True):
            share = (score - low) / (high - low) if high > low else 1.0
            fused[row] = fused.get(row, 0.0) + share * weights.get(h.channel, 1.0)
    ordered = sorted(fused, key=lambda row: (-np.float32(fused[row]), row))[:limit]
    merged = ConvexMerger(weights).merge(found, limit)
    assert merged.rows.tolist() == ordered
    assert merged.fused.tolist() == [float(np.float32(fused[row])) for row in ordered]
