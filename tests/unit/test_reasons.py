"""Reasons are facts of the request, in the query's language, and never more than that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.domain.user import UserState
from app.pipeline.reasons import MOST, NEAR_KM, TASTE, Language, language_of, reasons_of, said
from app.snapshot.people import tastes
from app.snapshot.tables import Tables
from tests.builders import city_rows, make_context, make_snapshot
from tests.builders.behaviour import make_events, make_sessions, make_tables

ROWS = city_rows(200)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reasons")
    snapshot = make_snapshot(ROWS, folder / "s", channels=())
    return snapshot, make_tables(snapshot, make_events(make_sessions(snapshot), folder / "e.db"))


ALL = np.arange(len(ROWS), dtype=np.int32)


def names(ctx, ranks=None, km=None):
    """The names of each row's reasons."""
    return [[r.name for r in reasons] for reasons in reasons_of(ctx, ALL, ranks or {}, km)]


def test_a_stranger_with_one_word_is_told_nothing(world):
    snapshot, _ = world
    assert names(make_context(snapshot, "火锅")) == [[]] * len(ROWS)


def test_what_was_asked_is_said_of_those_that_have_it(world):
    snapshot, _ = world
    ctx = make_context(snapshot, "火锅 100元以下")
    for row, reasons in zip(ROWS, reasons_of(ctx, ALL, {}, None), strict=True):
        has = [
            t
            for t, ok in (("火锅", row["category"] == "火锅"), ("100元以下", row["price"] <= 100))
            if ok
        ]
        told = said(reasons, Language.CHINESE)
        assert told == ([f"符合：{', '.join(has)}"] if has else [])


def test_a_distance_is_said_of_what_is_near(world):
    snapshot, _ = world
    km = np.linspace(0.004, 6, 200)
    km[7] = np.nan
    ctx = make_context(snapshot, "", origin=(31.2, 121.45))
    told = reasons_of(ctx, ALL, {}, km)
    for distance, reasons in zip(km, told, strict=True):
        assert bool(reasons) == (distance <= NEAR_KM)
    assert said(told[0], Language.CHINESE) == ["距你 10 m"]
    assert said(told[60], Language.ENGLISH) == [f"{km[60]:.1f} km from you"]


def test_tastes_are_said_of_values_that_weigh_enough(world):
    snapshot, _ = world
    acted_on = np.array([0, 1, 2], np.int32)
    gains = np.array([8, 1, 1], np.float32)
    held, _ = tastes(snapshot.documents, acted_on, gains)
    user = UserState("u", acted_on, np.ones(3, np.int64), gains, held)
    found = names(make_context(snapshot, "", user=user))
    share = {f: {} for f in ("brand", "category")}
    for row, gain in zip(ROWS[:3], gains / gains.sum(), strict=True):
        for f, values in share.items():
            values[row[f]] = values.get(row[f], 0) + gain
    for i, row in enumerate(ROWS):
        expected = ["seen"] if i < 3 else []
        liked = [f for f in ("brand", "category") if share[f].get(row[f], 0) >= TASTE]
        assert found[i] == expected + liked[:1]


def test_what_people_chose_for_this_search_is_said_of_just_those(world):
    snapshot, tables = world
    text = next(t for t in tables.queries.texts.strings if tables.queries.find(t)[0].size)
    ctx = make_context(snapshot, text, tables=tables)
    ctx = replace(ctx, query=replace(ctx.query, terms=tuple(text.split())))
    rows = set(tables.rows(*tables.queries.find(text))[0].tolist())
    found = names(ctx)
    assert {i for i, reasons in enumerate(found) if "remembered" in reasons} == rows


def test_another_query_of_the_same_request_is_remembered_for_itself(world):
    snapshot, tables = world
    text = next(t for t in tables.queries.texts.strings if tables.queries.find(t)[0].size)
    typed = replace(make_context(snapshot).query, terms=tuple(text.split()))
    ctx = make_context(snapshot, tables=tables)
    assert not ctx.remembered.chosen[0].size
    asked = replace(ctx, query=typed)
    assert asked.remembered.chosen[0].tolist() == tables.queries.find(text)[0].tolist()
    assert not replace(asked, tables=Tables.empty(len(ROWS))).remembered.chosen[0].size


def test_popular_means_that_people_acted_and_not_that_the_catalogue_says_so(world):
    snapshot, tables = world
    ranked = {"popular": range(1, 201)}
    assert names(make_context(snapshot), ranked) == [[]] * 200
    assert tables.counters["recent_gain"].any()
    found = names(make_context(snapshot, tables=tables), ranked)
    for i, reasons in enumerate(found):
        assert ("popular" in reasons) == (i < 50 and tables.counters["recent_gain"][i] > 0)


def test_at_most_three_are_said(world):
    snapshot, tables = world
    ctx = make_context(snapshot, "火锅 200元以下", tables=tables, origin=(31.2, 121.45))
    ranked = {"popular": [1] * 200, "behaviour": [1] * 200}
    found = names(ctx, ranked, np.full(200, 0.3))
    assert max(map(len, found)) <= MOST


@pytest.mark.parametrize(
    ("text", "language"), [("火锅 wifi", "zh"), ("hotpot", "en"), ("", None), ("😀 12", None)]
)
def test_a_language_is_told_by_its_words(text, language):
    assert language_of(text) == language


def test_nothing_to_show_needs_no_reason(world):
    snapshot, _ = world
    assert reasons_of(make_context(snapshot), np.empty(0, np.int32), {}, None) == []
    assert Tables.empty(3).queries is None
