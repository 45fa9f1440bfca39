"""Profile recall against its formula in plain Python."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.filters import RowMask
from app.domain.user import UserState
from app.recall.bands import Bands
from app.recall.channels.profile import EVERYTHING, ProfileChannel
from app.recall.preference_scan import best_for
from app.recall.preferences import most_possible
from app.snapshot.people import tastes
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables
from tests.builders import NOW_MS, city_rows, make_context, make_snapshot

N = 400
ROWS = city_rows(N)
for i, row in enumerate(ROWS):
    row["year"] = 1950 + i % 70
    for name in ("tags", "price", "brand", "year"):
        if (i + len(name)) % 11 == 0:
            row.pop(name)
FIELDS = {"year": {"type": "number"}}
WEIGHTS = {"tags": 1.0, "category": 0.3, "brand": 0.3}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory) -> Snapshot:
    path = tmp_path_factory.mktemp("profile") / "s"
    return make_snapshot(ROWS, path, FIELDS, channels=())


@pytest.fixture(scope="module")
def tables() -> Tables:
    gain = np.random.default_rng(3).integers(0, 5, N).astype(np.float32)
    return replace(Tables.empty(N), counters={"gain": gain})


def person(snapshot: Snapshot, size: int, seed: int = 4) -> UserState:
    rng = np.random.default_rng(seed)
    rows = rng.choice(N, size, replace=False).astype(np.int32)
    gains = rng.integers(1, 4, size).astype(np.float32)
    return UserState(
        "u", rows, np.full(size, NOW_MS), gains, *tastes(snapshot.documents, rows, gains)
    )


def held(row: int, name: str) -> list[str]:
    value = ROWS[row].get(name, [])
    return value if isinstance(value, list) else [value]


def values(snapshot: Snapshot, user: UserState, name: str, most: int) -> dict[str, float]:
    names = snapshot.documents.keywords[name].names.strings
    p = user.preferences[name]
    df = {c: sum(names[int(c)] in held(r, name) for r in range(N)) for c in p.codes}
    told = {c: float(w) * math.log1p(N / df[c]) for c, w in zip(p.codes, p.weights, strict=True)}
    best = sorted(told, key=lambda c: (-told[c], c))[:most]
    return {names[int(c)]: told[c] / max(told.values()) for c in best}


def band(name: str, user: UserState) -> list[float]:
    """exp(−z² / 2) of each row."""
    x = {r: math.log1p(row[name]) for r, row in enumerate(ROWS) if name in row}
    low, centre, high = np.percentile(list(x.values()), (25, 50, 75))
    seen = [x[r] for r in user.rows.tolist() if r in x]
    if not seen:
        return [1.0] * N
    mean = (sum(seen) + centre) / (len(seen) + 1)
    spread = (high - low) / 1.349
    variance = (sum((s - mean) ** 2 for s in seen) + spread**2) / (len(seen) + 1)
    return [math.exp(-((x[r] - mean) ** 2 / variance if r in x else 1) / 2) for r in range(N)]


def naive(snapshot: Snapshot, tables: Tables, user: UserState, most: int = 64) -> list[float]:
    match = [0.0] * N
    for name, weight in WEIGHTS.items():
        told = values(snapshot, user, name, most)
        for r in range(N):
            mine = held(r, name)
            match[r] += sum(weight * told.get(v, 0) for v in mine) / math.sqrt(len(mine) or 1)
    liked = ProfileChannel.open(snapshot, tables, snapshot.path, {}).prior
    price, year = band("price", user), band("year", user)
    return [match[r] * float(liked[r]) * price[r] * year[r] for r in range(N)]


@pytest.mark.parametrize("size", [1, 6, 40])
@pytest.mark.parametrize("share", [None, 0.3, 0.01])
def test_profile_is_its_formula(snapshot, tables, size, share):
    channel = ProfileChannel.open(snapshot, tables, snapshot.path, {})
    context = make_context(snapshot, tables=tables, user=person(snapshot, size))
    score = naive(snapshot, tables, context.user)
    expected = {r: s for r, s in enumerate(score) if s > 0}
    if share is not None:
        allowed = np.random.default_rng(8).random(N) < share
        context = replace(context, mask=RowMask(allowed, int(allowed.sum())))
        expected = {r: s for r, s in expected.items() if allowed[r]}
    hits = channel.recall(context, 1000)
    assert set(hits.rows.tolist()) == set(expected)
    assert hits.scores == pytest.approx([expected[r] for r in hits.rows.tolist()], rel=1e-5)
    in_order = sorted(zip(-hits.scores, hits.rows, strict=True))
    assert list(zip(-hits.scores, hits.rows, strict=True)) == in_order
    for k in (1, 2, 5, 30):
        assert channel.recall(context, k).rows.tolist() == hits.rows[:k].tolist()


@pytest.mark.parametrize("head", [1, 20, 150])
@pytest.mark.parametrize("k", [1, 30, 1000])
def test_lists_go_on_where_the_head_ends(snapshot, tables, head, k):
    channel = ProfileChannel.open(snapshot, tables, snapshot.path, {})
    for seed in range(4):
        user = person(snapshot, 12, seed)
        whole = channel.recall(make_context(snapshot, tables=tables, user=user), k)
        rows, scores = best_for(
            channel.index, channel._held(user.preferences), user.rows, channel.shares, 64,
            channel.places, EVERYTHING, k, head,
        )  # fmt: skip
        assert rows.tolist() == whole.rows.tolist()
        assert scores == pytest.approx(whole.scores)


def test_equal_matches_come_by_popularity_and_then_by_row(tmp_path):
    rows = [{"id": str(i), "title": "t", "category": "a"} for i in range(200)]
    snapshot = make_snapshot(rows, tmp_path / "s", channels=())
    gain = np.array([i % 3 for i in range(200)], np.float32)
    tables = replace(Tables.empty(200), counters={"gain": gain})
    chosen = np.array([7], np.int32)
    likes, _ = tastes(snapshot.documents, chosen, np.ones(1, np.float32))
    user = UserState("u", chosen, np.array([NOW_MS]), np.ones(1, np.float32), likes)
    channel = ProfileChannel.open(snapshot, tables, tmp_path, {})
    hits = channel.recall(make_context(snapshot, user=user), 10)
    assert hits.rows.tolist() == [2 + 3 * i for i in range(10)]


def test_only_the_strongest_values_are_looked_up(snapshot, tables):
    channel = ProfileChannel.open(snapshot, tables, snapshot.path, {"max_values": 1})
    user = person(snapshot, 40)
    hits = channel.recall(make_context(snapshot, tables=tables, user=user), 1000)
    score = naive(snapshot, tables, user, most=1)
    assert set(hits.rows.tolist()) == {r for r in range(N) if score[r] > 0}


def naive_most(values: list[float]) -> float:
    """What a row could match at most by these values of one field: it holds some and no others."""
    subsets = (c for n in range(1, len(values) + 1) for c in itertools.combinations(values, n))
    return max((sum(held) / math.sqrt(len(held)) for held in subsets), default=0.0)


VALUES = st.lists(st.floats(0.01, 1), min_size=1, max_size=6).map(lambda v: sorted(v)[::-1])


@given(st.lists(VALUES, min_size=1, max_size=3), st.integers(0, 20))
def test_no_row_matches_more_than_its_bound_and_one_could_match_that(fields, start):
    pairs = sorted(((w, f) for f, ws in enumerate(fields) for w in ws), reverse=True)
    worths = np.array([w for w, _ in pairs])
    left = [[w for w, g in pairs[start:] if g == f] for f in range(len(fields))]
    bound = most_possible(worths, np.array([f for _, f in pairs], np.int32), start)
    assert bound == pytest.approx(sum(map(naive_most, left)))


def test_strangers_and_people_without_preferences_are_not_asked(snapshot, tables):
    channel = ProfileChannel.open(snapshot, tables, snapshot.path, {})
    known = person(snapshot, 3)
    assert channel.accepts(make_context(snapshot, user=known))
    assert not channel.accepts(make_context(snapshot, user=replace(known, preferences={})))
    assert not channel.accepts(make_context(snapshot, user=UserState.stranger()))


def test_a_stray_zero_does_not_widen_the_band(snapshot):
    column = np.linspace(1980, 2020, 1000)
    column[::200] = 0
    documents = replace(snapshot.documents, numbers={"year": column}, ids=range(1000))
    places = Bands.of(documents, ["year", "price"]).place(documents.numbers, 1000)
    assert places.shape == (1000, 1)
    assert np.ptp(places[column > 0]) > 2
