"""What people typed is suggested to others: by popularity, place and person, never of one alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.domain.events import CLICK, IMPRESSION, Event
from app.domain.query import GeoPoint
from app.domain.user import UserState
from app.offline.behaviour.build import learn
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.memory import QueryTerms
from app.offline.behaviour.suggesting import suggested_queries
from app.query.suggest import Asker, suggest
from app.snapshot.suggested import SuggestedQueries
from app.snapshot.tables import Tables
from tests.builders import make_snapshot
from tests.builders.behaviour import HOUR_MS, event_columns
from tests.builders.requests import NOW_MS

SHANGHAI, BEIJING = (31.23, 121.47), (39.9, 116.4)
ROWS = [
    {"id": "1", "title": "海底捞火锅(王府井店)", "category": "火锅", "brand": "海底捞"},
    {"id": "2", "title": "火车头烧烤", "category": "烧烤", "lat": 31.2301, "lon": 121.4701},
    {"id": "3", "title": "火焰山烧烤", "category": "烧烤", "lat": 39.9, "lon": 116.4},
]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(ROWS, tmp_path_factory.mktemp("suggest") / "s", channels=())


def typed(query, people, *, place=None, clicks=False, days_ago=1.0, prefix="u"):
    """Events of some people who each typed a query once."""
    lat, lon = place or (None, None)
    at = NOW_MS - int(days_ago * 24 * HOUR_MS)
    for i in range(people):
        who = f"{prefix}{i}"
        request = f"{query}-{who}-{days_ago}-{lat}"
        yield Event(
            f"i-{request}", IMPRESSION, at, request, user_id=who, query=query, lat=lat, lon=lon,
            shown=("1", "2"),
        )  # fmt: skip
        if clicks:
            yield Event(f"c-{request}", CLICK, at + 1, request, user_id=who, object_id="1")


def tables_of(snapshot, events, tmp_path, **config):
    columns, rules = event_columns(events), TableConfig(**config)
    terms = QueryTerms.of(columns, snapshot.analyzer, snapshot.documents.schema.analyzers)
    learned = learn(columns, terms, NOW_MS, rules)
    facts = {"id": "t", "as_of_ms": NOW_MS, "event_seq": len(columns)}
    suggested_queries(columns, learned.histories, NOW_MS, rules).save(tmp_path / "suggest")
    tables = Tables.of(learned, facts, snapshot.documents)
    return replace(tables, suggested=SuggestedQueries.open(tmp_path / "suggest"))


def files_of(folder):
    """What every file holds, by name."""
    return {f.relative_to(folder): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def texts(snapshot, tables, text, *, place=None, user_id=None, kind="query", limit=10):
    known = (tables.persons.find(f"user:{user_id}"),) if user_id else ()
    origin = GeoPoint(*place) if place else None
    asker = Asker(UserState.stranger(user_id), known, origin)
    found = suggest(text, asker, snapshot, tables, limit)
    return [s.text for s in found if s.kind == kind]


def test_a_query_is_suggested_once_enough_people_typed_it(snapshot, tmp_path):
    events = [*typed("火锅自助", 3), *typed("火锅张三家", 2), *typed("火锅张三家", 2, days_ago=2)]
    tables = tables_of(snapshot, events, tmp_path)
    assert texts(snapshot, tables, "火锅") == ["火锅自助"]
    assert "张三" not in "".join(tables.suggested.completions.texts)


def test_nobody_suggests_a_query_alone_by_typing_it_often(snapshot, tmp_path):
    events = [e for day in range(1, 30) for e in typed("火锅我家", 1, days_ago=day)]
    assert texts(snapshot, tables_of(snapshot, events, tmp_path), "火") == []


def test_a_text_of_one_is_not_even_suggested_to_that_one(snapshot, tmp_path):
    tables = tables_of(snapshot, [*typed("火锅我家", 1, clicks=True)], tmp_path)
    assert texts(snapshot, tables, "火", user_id="u0") == []


def test_what_more_people_typed_lately_and_clicked_comes_first(snapshot, tmp_path):
    events = [
        *typed("火烧", 6, days_ago=60), *typed("火腿", 6), *typed("火龙果", 5, clicks=True),
        *typed("火柴", 4),
    ]  # fmt: skip
    tables = tables_of(snapshot, events, tmp_path)
    assert texts(snapshot, tables, "火") == ["火龙果", "火腿", "火柴", "火烧"]
    assert texts(snapshot, tables, "") == ["火龙果", "火腿", "火柴", "火烧"]


def test_what_is_typed_here_comes_before_what_is_typed_elsewhere(snapshot, tmp_path):
    events = [
        *typed("外滩", 40, place=SHANGHAI), *typed("外卖", 30, place=BEIJING),
        *typed("外套", 35),
    ]  # fmt: skip
    tables = tables_of(snapshot, events, tmp_path)
    assert texts(snapshot, tables, "w")[0] == "外滩"
    assert texts(snapshot, tables, "w", place=BEIJING)[0] == "外卖"
    assert texts(snapshot, tables, "", place=BEIJING)[0] == "外卖"
    assert texts(snapshot, tables, "w", place=(0.0, 0.0))[0] == "外滩"


def test_what_too_few_typed_in_a_place_is_not_told_of_that_place(snapshot, tmp_path):
    events = [*typed("外滩", 5, place=SHANGHAI), *typed("外滩", 2, place=BEIJING, prefix="v")]
    suggested = tables_of(snapshot, events, tmp_path).suggested
    assert suggested.near(*SHANGHAI).queries.size == 1
    assert suggested.near(*BEIJING).queries.size == 0


def test_what_a_person_typed_before_comes_earlier_for_them(snapshot, tmp_path):
    events = [*typed("火腿", 9), *typed("火柴", 6, prefix="v", clicks=True)]
    tables = tables_of(snapshot, events, tmp_path, suggest_half_life_days=7)
    assert texts(snapshot, tables, "火")[0] == "火柴"
    events += [
        *typed("火腿", 4, clicks=True, days_ago=2),
        *typed("火柴", 4, clicks=True, prefix="w"),
    ]
    tables = tables_of(snapshot, events, tmp_path / "more")
    assert texts(snapshot, tables, "火")[0] == "火柴"
    assert texts(snapshot, tables, "火", user_id="u0")[0] == "火腿"


def test_names_near_come_first_and_categories_are_told_as_such(snapshot):
    tables = Tables.empty(len(snapshot))
    assert "火锅" in texts(snapshot, tables, "huog", kind="category")
    near = texts(snapshot, tables, "huo", kind="entity", place=SHANGHAI)
    far = texts(snapshot, tables, "huo", kind="entity", place=BEIJING)
    assert near.index("火车头烧烤") < near.index("火焰山烧烤")
    assert far.index("火焰山烧烤") < far.index("火车头烧烤")


def test_a_text_that_is_typed_and_is_a_category_is_suggested_once(snapshot, tmp_path):
    tables = tables_of(snapshot, [*typed("火锅", 5)], tmp_path)
    assert texts(snapshot, tables, "火锅", kind="category") == ["火锅"]
    assert texts(snapshot, tables, "火锅") == []


@pytest.mark.parametrize("newest", [[], [*typed("火我家", 1)]])
def test_a_log_that_ended_long_ago_suggests_what_was_typed_at_its_end(newest, snapshot, tmp_path):
    old = [*typed("火腿", 5, days_ago=3000), *typed("火柴", 4, days_ago=3000)]
    tables = tables_of(snapshot, [*old, *newest], tmp_path, suggest_half_life_days=7)
    asker = Asker(UserState.stranger(None), (), None)
    scores = {s.text: s.score for s in suggest("火", asker, snapshot, tables, 10)}
    assert {"火腿", "火柴"} <= scores.keys()
    assert np.isfinite(list(scores.values())).all()
    if not newest:
        assert texts(snapshot, tables, "火") == ["火腿", "火柴"]
        assert scores["火腿"] > scores["火柴"] > 0


def test_later_events_change_no_byte(snapshot, tmp_path):
    before = [*typed("火腿", 5, place=SHANGHAI), *typed("火柴", 4, place=BEIJING, clicks=True)]
    later = [*typed("火腿", 9, days_ago=-1, prefix="x"), *typed("火山", 9, days_ago=-1)]
    later += typed("火柴", 4, days_ago=-1, place=SHANGHAI, clicks=True)
    tables_of(snapshot, before, tmp_path / "a")
    tables_of(snapshot, [*before, *later], tmp_path / "b")
    one, other = (files_of(tmp_path / name / "suggest") for name in "ab")
    assert one == other
    assert len(one) > 15
