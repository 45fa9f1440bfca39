"""Unlike results above alike ones, and quotas that hold wherever they can."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.diversity import Diversity, Quota, diversified, spread
from tests.builders import city_rows, make_snapshot

N = 80
ROWS = [{k: v for k, v in row.items() if k != "brand" or i % 5} for i, row in
        enumerate(city_rows(N))]  # fmt: skip


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    return make_snapshot(ROWS, tmp_path_factory.mktemp("diverse") / "s", channels=()).documents


def value(row, field):
    return ROWS[row].get(field)


def naive_spread(rows, quotas):
    """The first that fits, over and over."""
    left, order = list(range(len(rows))), []
    while left:
        fitting = (i for i in left if all(fits(rows, order, i, quota) for quota in quotas))
        chosen = next(fitting, left[0])
        order.append(chosen)
        left.remove(chosen)
    return order


def fits(rows, order, i, quota):
    held = value(rows[i], quota.field)
    nearest = order[max(0, len(order) - quota.window + 1) :]
    return held is None or sum(value(rows[j], quota.field) == held for j in nearest) < quota.most


QUOTAS = st.builds(Quota, st.sampled_from(["brand", "category"]), st.integers(1, 4),
                   st.integers(2, 12))  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.integers(0, N - 1), unique=True, max_size=60),
    quotas=st.lists(QUOTAS, min_size=1, max_size=2),
)
def test_quotas_take_the_best_that_fits_at_every_position(documents, rows, quotas):
    found = spread(documents, np.array(rows, np.int32), quotas).tolist()
    assert found == naive_spread(rows, quotas)


def test_no_window_holds_more_of_one_brand_than_the_quota_where_brands_are_many(documents):
    rows = np.arange(N, dtype=np.int32)
    order = rows[spread(documents, rows, [Quota("brand", 2, 10)])][: N // 2]
    for start in range(len(order) - 9):
        brands = Counter(value(row, "brand") for row in order[start : start + 10])
        assert max(count for brand, count in brands.items() if brand) <= 2


def naive_marginal(documents, rows, worth, how):
    """Carbonell and Goldstein's definition, in their words."""
    low, high = min(worth), max(worth)
    share = [(w - low) / (high - low) if high > low else 0.0 for w in worth]

    def likeness(a, b):
        x, y = documents.vectors[rows[a]], documents.vectors[rows[b]]
        parts = [max(sum(float(p) * float(q) for p, q in zip(x, y, strict=True)), 0.0)]
        for name in how.fields:
            held = value(rows[a], name)
            parts.append(float(held is not None and held == value(rows[b], name)))
        return sum(parts) / len(parts)

    left, order = list(range(len(rows))), []
    while left:
        gains = [
            (1 - how.strength) * share[i]
            - how.strength * max((likeness(j, i) for j in order), default=0.0)
            for i in left
        ]
        order.append(left.pop(int(np.argmax(gains))))
    return order


@pytest.mark.parametrize("strength", [0.2, 0.5, 0.9, 1.0])
def test_each_result_has_the_greatest_marginal_relevance(documents, strength):
    rng = np.random.default_rng(3)
    rows = rng.permutation(N)[:30].astype(np.int32)
    worth = np.sort(rng.random(30))[::-1]
    how = Diversity(strength, 30, ("category", "brand"))
    assert diversified(documents, rows, worth, how).tolist() == naive_marginal(
        documents, rows, worth, how
    )


def test_the_best_stays_first_and_what_is_behind_the_depth_stays_where_it_was(documents):
    rows, worth = np.arange(N, dtype=np.int32), np.linspace(1, 0, N)
    order = diversified(documents, rows, worth, Diversity(0.7, 20, ("category",)))
    assert order[0] == 0
    assert order[:20].tolist() != list(range(20))
    assert sorted(order[:20]) == list(range(20))
    assert order[20:].tolist() == list(range(20, N))


def test_an_empty_list_stays_empty(documents):
    nothing = np.empty(0, np.int32)
    assert diversified(documents, nothing, np.empty(0), Diversity(0.5, 10, ("brand",))).size == 0
    assert spread(documents, nothing, [Quota("brand", 1, 2)]).size == 0
