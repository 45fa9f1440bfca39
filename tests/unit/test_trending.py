"""A burst by many rises; a crowd of one does not, nor what is usual, nor what everything does."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain.errors import InvalidQuery
from app.domain.events import CLICK, IMPRESSION, Event
from app.domain.filters import OneOf
from app.domain.query import GeoPoint
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.trending import trending
from app.query.trending import rises
from app.snapshot.trending import Trending
from tests.builders import make_snapshot
from tests.builders.behaviour import HOUR_MS, event_columns
from tests.builders.requests import NOW_MS

DAY_MS = 24 * HOUR_MS
SHANGHAI, BEIJING = (31.23, 121.47), (39.9, 116.4)
ROWS = [
    {"id": "hotpot", "title": "老灶火锅", "category": "火锅"},
    {"id": "tea", "title": "湖畔茶馆", "category": "茶"},
    {"id": "bike", "title": "自行车", "category": "运动"},
]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(ROWS, tmp_path_factory.mktemp("trending") / "s", channels=())


def ask(query, who, at, place=None, chosen=None):
    """One search, and what was clicked after it."""
    lat, lon = place or (None, None)
    request = f"{query}-{who}-{at}"
    yield Event(
        f"i-{request}", IMPRESSION, at, request, user_id=who, query=query, lat=lat, lon=lon,
        shown=("hotpot", "tea"),
    )  # fmt: skip
    if chosen:
        yield Event(f"c-{request}", CLICK, at + 1, request, user_id=who, object_id=chosen)


def usual(rng, query, a_day, days=28, place=None, chosen=None):
    """Poisson many people a day, up to the last one."""
    for day in range(days):
        for i in range(rng.poisson(a_day)):
            at = NOW_MS - (day + 1) * DAY_MS + int(rng.integers(DAY_MS))
            yield from ask(query, f"{query}-{day}-{i}", at, place, chosen)


def burst(rng, query, people, place=None, chosen=None):
    for i in range(people):
        at = NOW_MS - int(rng.integers(1, 6 * HOUR_MS))
        yield from ask(query, f"new-{i}", at, place, chosen)


def built(events, tmp_path=None, as_of_ms=NOW_MS, **config):
    made = trending(event_columns(events), as_of_ms, TableConfig(**config))
    if tmp_path is None:
        return made
    made.save(tmp_path / "trending")
    return Trending.open(tmp_path / "trending")


def queries(made, snapshot, **asked):
    found = rises(made, snapshot, asked.get("origin"), asked.get("category"), 10)
    return [made.texts[one.code] for one in found.queries]


@pytest.mark.parametrize("seed", range(5))
def test_a_burst_by_many_rises_and_what_is_as_usual_does_not(seed, snapshot, tmp_path):
    rng = np.random.default_rng(seed)
    events = [e for i in range(12) for e in usual(rng, f"火锅{i}", 6 + i)]
    events += [*usual(rng, "月饼", 2), *burst(rng, "月饼", 25, chosen="tea")]
    made = built(events, tmp_path)
    assert queries(made, snapshot) == ["月饼"]
    found = rises(made, snapshot, None, None, 10)
    assert found.queries[0].people >= 25
    assert found.queries[0].expected < 6
    assert [made.documents[one.code] for one in found.documents] == ["tea"]
    assert not rises(made, snapshot, None, None, 10, OneOf("category", ("茶",))).documents


@pytest.mark.parametrize(("seed", "people"), [(0, 1), (1, 1), (2, 3)])
def test_one_who_hammers_is_one(seed, people, snapshot):
    rng = np.random.default_rng(seed)
    events = [*usual(rng, "火锅", 6, chosen="hotpot")]
    for i in range(2_000):
        at = NOW_MS - 1 - i * 10_000
        events += ask(f"我的店{i % 2}", f"hammer{i % people}", at, SHANGHAI, chosen="bike")
    made = built(events)
    assert queries(made, snapshot) == []
    assert "bike" not in list(made.documents)


def test_searches_of_nobody_raise_nothing(snapshot):
    rng = np.random.default_rng(1)
    events = [*usual(rng, "火锅", 6)]
    for i in range(500):
        events.append(
            Event(f"x{i}", IMPRESSION, NOW_MS - 1 - i, f"r{i}", query="刷榜", shown=("tea",))
        )
    assert queries(built(events), snapshot) == []


def test_what_everything_does_is_no_rise(snapshot):
    rng = np.random.default_rng(2)
    events = [e for i in range(20) for e in usual(rng, f"q{i}", 12)]
    events += [e for i in range(20) for e in burst(rng, f"q{i}", 24)]
    assert queries(built(events), snapshot) == []


def test_what_rises_in_a_place_is_told_there(snapshot):
    rng = np.random.default_rng(3)
    events = [*usual(rng, "外滩", 30, place=SHANGHAI), *usual(rng, "故宫", 4, place=BEIJING)]
    events += [*usual(rng, "故宫", 30, place=SHANGHAI), *burst(rng, "故宫", 25, place=BEIJING)]
    made = built(events)
    assert queries(made, snapshot, origin=GeoPoint(*BEIJING)) == ["故宫"]
    near = rises(made, snapshot, GeoPoint(BEIJING[0] + 0.09, BEIJING[1]), None, 10)
    assert near.is_local
    far = rises(made, snapshot, GeoPoint(0.0, 0.0), None, 10)
    assert not far.is_local


def test_a_category_has_its_own_rises(snapshot):
    rng = np.random.default_rng(4)
    events = [*usual(rng, "火锅", 9, chosen="hotpot"), *burst(rng, "喝茶", 20, chosen="tea")]
    events += burst(rng, "骑车", 20, chosen="bike")
    made = built(events)
    assert sorted(queries(made, snapshot)) == ["喝茶", "骑车"]
    assert queries(made, snapshot, category="茶") == ["喝茶"]
    found = rises(made, snapshot, None, "运动", 10)
    assert [made.documents[one.code] for one in found.documents] == ["bike"]
    with pytest.raises(InvalidQuery, match="category"):
        rises(made, snapshot, None, "no such", 10)


def test_nothing_rises_against_nothing(snapshot):
    rng = np.random.default_rng(5)
    assert queries(built([*burst(rng, "月饼", 40)]), snapshot) == []
    assert queries(built([*ask("火锅", "u", NOW_MS - 1)]), snapshot) == []


def test_a_log_that_ended_long_ago_tells_what_rose_at_its_end(snapshot):
    rng = np.random.default_rng(6)
    events = [*usual(rng, "火锅", 9), *burst(rng, "月饼", 25)]
    made = built(events, as_of_ms=NOW_MS + 90 * DAY_MS)
    assert queries(made, snapshot) == ["月饼"]
    assert made.until_ms <= NOW_MS + 2
