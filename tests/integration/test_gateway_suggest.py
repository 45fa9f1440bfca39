"""Suggestions over HTTP, from a real server on real artifacts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from app.corpus.analyzer import Analyzer
from app.corpus.event_log import EventLog
from app.domain.events import CLICK, IMPRESSION, Event
from app.offline.behaviour.publish import publish_tables
from tests.builders import city_rows
from tests.builders.requests import NOW_MS
from tests.builders.servers import gateway, publish_snapshot

PLACE = {"lat": 31.2, "lon": 121.5}


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[httpx.Client]:
    data = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(120), data)
    with gateway(data) as client:
        yield client


def suggest(client: httpx.Client, **params: object) -> list[dict]:
    answer = client.get("/v1/suggest", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["suggestions"]


def counted(client: httpx.Client) -> Counter[str]:
    """How many suggestions of each kind the metrics page says were made."""
    sample = re.compile(r'^duolu_suggestions_total\{kind="(\w+)"\} (\S+)$', re.M)
    found = sample.findall(client.get("/metrics").text)
    return Counter({kind: int(float(count)) for kind, count in found})


@pytest.mark.parametrize("typed", ["火", "hg", "huog", "HUOGUO", "火g", "火鍋", "获锅"])
def test_a_category_is_suggested_however_it_is_typed(client, typed):
    assert suggest(client, q=typed)[0]["text"] == "火锅"
    assert suggest(client, q=typed)[0]["kind"] == "category"


def test_an_answer_has_everything_that_was_promised(client):
    body = client.get("/v1/suggest", params={"q": "brand1", "limit": 3}).json()
    assert set(body) == {"suggestions", "took_ms", "snapshot_id", "tables_id", "degraded"}
    assert len(body["suggestions"]) == 3
    first = body["suggestions"][0]
    assert first["kind"] == "entity"
    assert first["text"].startswith("brand1")
    assert first["highlight"] == [[0, 6]]
    assert first["count"] > 0


def test_nothing_typed_gives_something_to_begin_with(client):
    assert 0 < len(suggest(client)) <= 10


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 51}, "limit"),
        ({"q": "火" * 513}, "query"),
        ({"lat": 31}, "lon"),
        ({"lat": 91, "lon": 0}, "lat"),
        ({"lat": "nan", "lon": 0}, "lat"),
        ({"user_id": "u" * 257}, "user_id"),
        ({"prefix": "a"}, "prefix"),
    ],
)
def test_what_cannot_be_answered_is_a_400_that_names_the_field(client, params, field):
    answer = client.get("/v1/suggest", params=params)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field


@pytest.mark.parametrize(
    "typed",
    ["😀", "\u202eabc", "a\u200db", "x" * 512, "火" * 512, "a b " * 128, "'; drop", "\\%", "\0"],
)  # fmt: skip
def test_odd_text_is_answered_like_any_other(client, typed):
    suggest(client, q=typed, lat=90, lon=180, user_id="nobody")


def test_suggestions_are_counted_by_kind(client):
    before = counted(client)
    made = Counter(suggestion["kind"] for suggestion in suggest(client, q="火"))
    assert made["category"]
    assert counted(client) - before == made


def test_trending_before_anybody_searched_is_empty_and_says_of_what(client):
    body = client.get("/v1/trending", params={"lat": 31.2, "lon": 121.5}).json()
    assert body["queries"] == body["documents"] == []
    assert body["area"] == "everywhere"
    assert body["until_ms"] is None


@pytest.mark.parametrize(
    ("params", "field"), [({"limit": 51}, "limit"), ({"lat": 1}, "lon"), ({"q": "x"}, "q")]
)
def test_a_wrong_call_of_trending_is_a_400_that_names_the_field(client, params, field):
    answer = client.get("/v1/trending", params=params)
    assert answer.status_code == 400
    assert answer.json()["field"] == field


@pytest.fixture(scope="module")
def visited(tmp_path_factory) -> Iterator[httpx.Client]:
    """A place where people searched: what is asked every day, and what a day made rise."""
    data = tmp_path_factory.mktemp("visited")
    publish_snapshot(city_rows(60), data)
    log = EventLog.open(data / "events.db")
    days = [e for day in range(9) for e in asked("火锅自助", 5, day)]
    log.append([*days, *asked("火车票", 20, 0), *asked("火锅我家", 1, 0)])
    publish_tables(log, data, NOW_MS, NOW_MS, Analyzer.build([]))
    log.close()
    with gateway(data) as client:
        yield client


def asked(query: str, people: int, days_ago: int) -> Iterator[Event]:
    """Searches of some people on one day, and a click after each."""
    at = NOW_MS - days_ago * 86_400_000 - 60_000
    place = {"lat": 31.2, "lon": 121.5}
    for i in range(people):
        r = f"{query}{i}-{days_ago}"
        shown = Event(
            f"i{r}", IMPRESSION, at, r, user_id=f"u{i}", query=query, shown=("d1",), **place
        )
        yield from (shown, Event(f"c{r}", CLICK, at + 1, r, user_id=f"u{i}", object_id="d1"))


def test_what_people_typed_is_suggested_to_others(visited):
    found = [s for s in suggest(visited, q="火", user_id="u1", **PLACE) if s["kind"] == "query"]
    assert {s["text"]: s["count"] for s in found} == {"火锅自助": 5, "火车票": 20}
    before_typing = suggest(visited, **PLACE)
    assert [s["text"] for s in before_typing[:2]] == ["火锅自助", "火车票"]
    assert "category" in {s["kind"] for s in before_typing}  # where queries are few


def test_what_rises_is_listed_with_the_versions_that_say_so(visited):
    body = visited.get("/v1/trending", params=PLACE).json()
    assert [one["text"] for one in body["queries"]] == ["火车票"]
    assert body["queries"][0]["people"] == 20
    assert body["documents"][0]["id"] == body["documents"][0]["document"]["id"] == "d1"
    assert body["area"] == "near"
    assert body["tables_id"]
    answer = visited.get("/v1/trending", params={"category": "no such"})
    assert (answer.status_code, answer.json()["field"]) == (400, "category")
