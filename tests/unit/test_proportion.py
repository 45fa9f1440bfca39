"""Places kept for what a query leads to: as many as are due, of the best, and no others moved."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.user import Preference
from app.pipeline.proportion import Proportion, in_proportion, kept
from app.pipeline.select import Selection, select
from tests.builders import city_rows, make_context, make_snapshot
from tests.builders.behaviour import make_events, make_sessions, make_tables

N = 80
ROWS = [{k: v for k, v in row.items() if k != "category" or i % 7} for i, row in
        enumerate(city_rows(N))]  # fmt: skip


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(ROWS, tmp_path_factory.mktemp("kept") / "s")


@pytest.fixture(scope="module")
def tables(snapshot, tmp_path_factory):
    return make_tables(
        snapshot, make_events(make_sessions(snapshot), tmp_path_factory.mktemp("l") / "e")
    )


def values(row, field):
    held = ROWS[row].get(field, [])
    return {held} if isinstance(held, str) else set(held)


def intent_of(documents, field, shares):
    """shares: value → probability."""
    names = documents.keywords[field].names
    codes = {names.find(value): share for value, share in shares.items()}
    order = sorted(codes)
    return Preference(np.array(order, np.int32), np.array([codes[c] for c in order], np.float32))


def naive_kept(rows, shares, how):
    """One position after another, counting anew each time."""
    left, order = list(range(min(len(rows), how.depth))), []
    while left:
        lacking = {}
        for value, share in shares.items():
            held = sum(value in values(rows[i], how.field) for i in order)
            lacks = how.strength * float(np.float32(share)) * (len(order) + 1) - held
            owed = how.strength * float(np.float32(share)) * min(len(rows), how.depth)
            has = any(value in values(rows[i], how.field) for i in left)
            if has and lacks > 1 - 1e-9 and owed >= 1 - 1e-9:
                lacking[value] = lacks
        wanted = max(lacking, key=lambda v: (lacking[v], v), default=None) if lacking else None
        if lacking:
            most = max(lacking.values())
            wanted = next(v for v in shares if lacking.get(v) == most)
        fitting = [i for i in left if wanted is None or wanted in values(rows[i], how.field)]
        order.append(fitting[0])
        left.remove(fitting[0])
    return [*order, *range(len(order), len(rows))]


FIELD_VALUES = {
    field: sorted(set().union(*(values(i, field) for i in range(N))))
    for field in ("category", "tags", "brand")
}


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.integers(0, N - 1), unique=True, max_size=60),
    field=st.sampled_from(sorted(FIELD_VALUES)),
    parts=st.lists(st.integers(0, 9), min_size=6, max_size=6),
    rest=st.integers(1, 9),
    strength=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    depth=st.integers(2, 70),
)
def test_each_position_goes_to_the_value_that_lacks_most_or_to_the_best(
    snapshot, rows, field, parts, rest, strength, depth
):
    documents, how = snapshot.documents, Proportion(field, strength, depth)
    names = documents.keywords[field].names
    asked = sorted(FIELD_VALUES[field][:6], key=names.find)
    shares = {v: p / (sum(parts) + rest) for v, p in zip(asked, parts, strict=False) if p}
    found = kept(documents, np.array(rows, np.int32), intent_of(documents, field, shares), how)
    assert found.tolist() == naive_kept(rows, shares, how)


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_a_likely_category_has_its_places_and_its_best_documents_in_them(snapshot, strength):
    rows = np.array(
        sorted(range(N), key=lambda i: ("咖啡" in values(i, "category"), i)), np.int32
    )  # all 咖啡 come last
    intent = intent_of(snapshot.documents, "category", {"咖啡": 0.6})
    order = kept(snapshot.documents, rows, intent, Proportion("category", strength, N))
    coffee = [i for i in order.tolist() if "咖啡" in values(rows[i], "category")]
    assert coffee == sorted(coffee)
    for i in range(1, 11):
        held = sum("咖啡" in values(rows[j], "category") for j in order[:i])
        assert held == math.floor(strength * 0.6 * i + 1e-6)
    others = [i for i in order.tolist() if i not in coffee]
    assert others == sorted(others)


def test_of_two_that_are_due_together_the_first_of_the_catalogue_comes_first(snapshot):
    two = sorted(("咖啡", "火锅"), key=snapshot.documents.keywords["category"].names.find)
    rows = sorted(range(N), key=lambda i: (bool(values(i, "category") & {*two}), i))
    shares, how = dict.fromkeys(two, 0.4), Proportion("category", 1.0, N)
    intent = intent_of(snapshot.documents, "category", shares)
    order = kept(snapshot.documents, np.array(rows, np.int32), intent, how).tolist()
    assert order == naive_kept(rows, shares, how)
    assert [value for i in order for value in values(rows[i], "category") & {*two}][:2] == two


def scored(snapshot, text, tables, how):
    ctx = make_context(snapshot, text, tables=tables)
    rows = np.arange(N, dtype=np.int32)
    scores = np.linspace(1, 0, N, dtype=np.float32)
    return ctx, select(ctx, rows, scores, Selection(intent=how)).order


def test_the_click_log_says_what_places_are_kept_for(snapshot, tables):
    how = Proportion("category", 1.0, 40)
    ctx, order = scored(snapshot, "garden", tables, how)
    assert order.tolist() == in_proportion(ctx, np.arange(N, dtype=np.int32), how).tolist()
    assert order.tolist() != list(range(N))
    assert sorted(order.tolist()) == list(range(N))
    assert order[40:].tolist() == list(range(40, N))


def test_a_query_of_which_nothing_is_known_is_left_as_ranked(snapshot, tables):
    for text in ("", "never typed by anybody"):
        _, order = scored(snapshot, text, tables, Proportion("category", 1.0, 40))
        assert order.tolist() == list(range(N))
