"""What behaviour remembers of the candidates, against plain dictionaries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.corpus.geometry import haversine_km
from app.domain.query import GeoPoint
from app.domain.reading import Mention
from app.domain.user import UserState
from app.features.memory_pass import HALF_LIFE_MS, MemoryInputs, read_memory
from app.features.mentions import named_of
from app.features.nearness import nearness_of
from app.features.row_pass import read_rows
from app.snapshot.asked import holds
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Neighbours, Tables, memory_key
from tests.builders import NOW_MS, city_rows, make_context, make_snapshot
from tests.builders.behaviour import make_events, make_sessions, make_tables


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return make_snapshot(city_rows(80), tmp_path_factory.mktemp("world") / "s")


@pytest.fixture(scope="module")
def tables(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    events: Path = tmp_path_factory.mktemp("log") / "e.db"
    tables = make_tables(snapshot, make_events(make_sessions(snapshot, 200), events))
    row_of = tables.row_of.copy()
    row_of[::7] = -1  # some documents are gone
    return replace(tables, row_of=row_of)


def listed(tables: Tables, lists: Neighbours, which: int) -> dict[int, np.float32]:
    """Row → score of one list, without what is gone."""
    ordinals, scores = lists.of(which)
    rows = tables.row_of[ordinals].tolist()
    return {row: score for row, score in zip(rows, scores, strict=True) if row >= 0}


def person() -> UserState:
    times = NOW_MS - np.array([5, 10, 900], np.int64) * 86_400_000
    gains = np.array([1.0, 3.0, 2.0], np.float32)
    return UserState("u", np.array([40, 3, 17], np.int32), times, gains)


def remembered(snapshot: Snapshot, tables: Tables, terms: tuple[str, ...]) -> MemoryInputs:
    ctx = make_context(snapshot, "", tables=tables)
    ctx = replace(ctx, query=replace(ctx.query, terms=terms, now_ms=NOW_MS), user=person())
    return read_memory(ctx, np.arange(79, -1, -1, dtype=np.int32))


def test_each_candidate_has_what_the_tables_remember_of_it(
    snapshot: Snapshot, tables: Tables
) -> None:
    assert tables.queries is not None
    assert tables.terms is not None
    assert tables.neighbours is not None
    user, rows = person(), range(79, -1, -1)
    for text in [*list(tables.queries.texts.strings)[:20], "never typed"]:
        terms = tuple(text.split())
        found = remembered(snapshot, tables, terms)
        at = tables.queries.texts.find(memory_key(terms))
        after = listed(tables, tables.queries.clicked, at) if at >= 0 else {}
        assert found.sums[0].tolist() == [after.get(row, 0) for row in rows]
        assert sorted(found.gains) == sorted(after.values())
        shares = np.zeros(80, np.float32)
        for one in map(tables.terms.texts.find, terms):
            gains = listed(tables, tables.terms.clicked, one) if one >= 0 else {}
            whole = np.float32(0)
            for gain in gains.values():
                whole += gain
            for row, gain in gains.items():
                shares[row] += gain / whole
        assert np.array_equal(found.sums[1], (shares / np.float32(len(terms)))[::-1])
        near = np.zeros(80, np.float32)
        for row, ms, gain in zip(user.rows, user.times_ms, user.weights, strict=True):
            if (ordinal := int(tables.ordinal_of[row])) >= 0:
                weight = float(gain) * 2.0 ** (-int(NOW_MS - ms) / HALF_LIFE_MS)
                for other, score in listed(tables, tables.neighbours, ordinal).items():
                    near[other] += np.float32(float(score) * weight)
        assert np.array_equal(found.sums[2], near[::-1])
        own = dict(zip(user.rows.tolist(), user.weights, strict=True))
        assert found.sums[3].tolist() == [own.get(row, 0) for row in rows]
        acted = dict(zip(user.rows.tolist(), user.times_ms.tolist(), strict=True))
        assert np.array_equal(
            found.times_ms, [acted.get(row, np.nan) for row in rows], equal_nan=True
        )


def test_without_a_query_or_tables_nothing_is_remembered_but_what_the_person_did(
    snapshot: Snapshot, tables: Tables
) -> None:
    for some, terms in ((tables, ()), (Tables.empty(80), ("garden",))):
        found = remembered(snapshot, some, terms)
        assert not found.sums[:2].any()
        assert np.isnan(found.pairs).all()
        assert (found.gains.size, found.query) == (0, -1)
        assert found.sums[3].sum() == 6


def test_named_values_are_held_as_the_columns_say(snapshot: Snapshot) -> None:
    documents, rows = snapshot.documents, np.arange(80, dtype=np.int32)
    fields = documents.rows.code_fields
    mentions = [
        Mention("", 0, 0, tuple((field, code) for field in fields for code in codes))
        for codes in ((0,), (1, 2), (5,), (99_999,))
    ]
    named = named_of(mentions, fields)
    assert named is not None
    held = read_rows(
        documents.rows, rows, np.empty(0, np.int32), 80, UserState.stranger(), named
    ).held
    assert held.tolist() == sum(holds(documents, m, rows).astype(int) for m in mentions).tolist()
    assert 0 < held.sum() < held.size * len(mentions)
    assert named_of([Mention("", 0, 0, (("elsewhere", 1),))], fields) is None


def test_the_nearest_and_the_nearest_of_the_best_matches_are_those_of_the_distances() -> None:
    rng = np.random.default_rng(5)
    numbers = np.stack([rng.random(200), rng.uniform(-90, 90, 200), rng.uniform(-180, 180, 200)])
    numbers[1, ::9] = np.nan
    coverage = rng.integers(0, 3, 200).astype(np.float32)
    coverage[::5] = np.nan
    found = nearness_of(GeoPoint(40.0, 116.0), numbers, 1, 2, coverage)
    km = haversine_km(40.0, 116.0, numbers[1], numbers[2]).astype(np.float32)
    assert np.array_equal(found.km, km, equal_nan=True)
    assert found.nearest == np.nanmin(km)
    assert found.nearest_match == np.nanmin(km[coverage == 2])
    nowhere = nearness_of(GeoPoint(0, 0), np.full((2, 3), np.nan), 0, 1, np.zeros(3, np.float32))
    assert np.isnan([*nowhere.km, nowhere.nearest, nowhere.nearest_match]).all()
