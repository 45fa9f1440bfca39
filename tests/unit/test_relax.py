"""A search that nothing matches is asked once more with less, and the answer says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.errors import NothingServes
from app.pipeline.relaxed import frame_or_relax
from app.pipeline.serving import Framed
from app.query.relax import relax
from app.query.understand import SearchRequest, understand
from tests.builders import NOW_MS, make_snapshot
from tests.builders.servers import gateway, make_engine, publish_snapshot

ROWS = [
    {"id": "1", "title": "海底捞火锅", "category": "火锅", "price": 120},
    {"id": "2", "title": "Garden hotel", "category": "hotel", "price": 300},
    {"id": "3", "title": "Sea hotel", "category": "hotel", "price": 400},
    {"id": "4", "title": "长江大桥", "category": "景点"},
    {"id": "5", "title": "桥 书店", "category": "书店"},
]
SEARCHES = "/v1/search"


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(ROWS, tmp_path_factory.mktemp("relax") / "s", channels=())


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[httpx.Client]:
    data = tmp_path_factory.mktemp("data")
    publish_snapshot(ROWS, data)
    with gateway(data) as client:
        yield client


def less(snapshot, text):
    return relax(understand(SearchRequest(text), snapshot, 0), snapshot)


@pytest.mark.parametrize(
    ("asked", "instead", "left_out"),
    [
        ("必须50元以下的火锅", "50元以下的火锅", "必须50元以下"),
        ("hotel must be under 50 yuan", "hotel under 50 yuan", "must be under 50 yuan"),
        ("garden hotel", "garden", "hotel"),  # most documents are hotels
        ("garden hotel zzz", "garden zzz", "hotel"),  # nobody misses what nobody knows
    ],
)
def test_a_must_becomes_a_wish_and_else_the_commonest_word_goes(snapshot, asked, instead, left_out):
    assert less(snapshot, asked) == (instead, left_out)


@pytest.mark.parametrize("text", ["", "hotel", "zzzqqq", "50元以下的", "😀"])
def test_where_nothing_can_be_left_out_nothing_is(snapshot, text):
    assert less(snapshot, text) is None


def test_the_answer_says_what_was_left_out(client):
    answer = client.get(SEARCHES, params={"q": "必须50元以下的火锅"}).json()
    assert answer["query"]["relaxed"] == ["必须50元以下"]
    assert answer["results"][0]["id"] == "1"
    assert "empty_because" not in answer["query"]


def test_what_the_relaxed_search_shows_is_explained_as_found(client):
    text = "必须50元以下的火锅"
    answer = client.get(SEARCHES, params={"q": text}).json()
    for first in answer["results"]:
        told = client.post("/v1/explain", json={"query": text, "id": first["id"]}).json()
        assert (told["found"], told["rank"]) == (True, first["rank"])
        assert told["query"] == answer["query"] | {"intent": {}}


@pytest.mark.parametrize("error", [NothingServes("every channel is down"), TimeoutError()])
def test_the_empty_answer_stands_where_there_is_no_second_one(tmp_path, error):
    publish_snapshot(ROWS, tmp_path)
    engine = make_engine(tmp_path)

    async def frame(request: SearchRequest) -> Framed:
        if not request.correct:
            raise error
        return await engine.frame(request, NOW_MS)

    try:
        framed = asyncio.run(frame_or_relax(frame, SearchRequest("必须50元以下的火锅")))
    finally:
        engine.close()
    assert (framed.ctx.query.text, framed.ctx.query.relaxed) == ("必须50元以下的火锅", ())


@pytest.mark.parametrize(
    ("asked", "text", "left_out"),
    [("必须50元以下的火锅", "50元以下的火锅", ("必须50元以下",)),
     ("必须50元以下的鱼", "必须50元以下的鱼", ())],  # of fish there is none either way
)  # fmt: skip
def test_what_is_searched_is_known_before_it_is_searched(tmp_path, asked, text, left_out):
    publish_snapshot(ROWS, tmp_path)
    engine = make_engine(tmp_path)
    try:
        frame = partial(engine.frame, now_ms=NOW_MS)
        query = asyncio.run(frame_or_relax(frame, SearchRequest(asked))).ctx.query
    finally:
        engine.close()
    assert (query.text, query.relaxed) == (text, left_out)


def test_who_asks_no_channel_that_counts_is_not_relaxed(client):
    body = {"query": "必须50元以下的火锅", "channels": ["popular"]}
    assert "relaxed" not in client.post(SEARCHES, json=body).json()["query"]


@pytest.mark.parametrize(
    ("removed", "why"),
    [({"category": "hotel"}, "words_not_together"),
     ({"id": [row["id"] for row in ROWS]}, "no_documents")],
)  # fmt: skip
def test_what_rules_remove_is_not_put_down_to_filters(tmp_path, removed, why):
    publish_snapshot(ROWS, tmp_path)
    rule = {"name": "gone", "action": "remove", "documents": removed}
    with gateway(tmp_path, f"rules={json.dumps([rule])}") as client:
        query = client.get(SEARCHES, params={"q": "garden"}).json()["query"]
    assert query["empty_because"] == why


@pytest.mark.parametrize(
    ("character", "found"),
    [("锅", {"1"}), ("江", {"4"}), ("桥", {"5"}), ("鱼", set())],  # 桥 is a word by itself
)
def test_a_character_that_is_no_word_here_finds_the_words_that_hold_it(client, character, found):
    answer = client.get(SEARCHES, params={"q": character, "channels": "lexical"}).json()
    assert {r["id"] for r in answer["results"]} == found
    assert ("empty_because" in answer["query"]) == (not found)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"query": "火锅", "filters": {"price": {"gt": 1000}}}, "filters_allow_nothing"),
        ({"filters": {"price": {"gt": 1000}}}, "filters_allow_nothing"),
        ({"query": "zzzqqq", "correct": False}, "words_unknown"),
        ({"query": "火锅", "filters": {"price": {"gt": 200}}}, "words_not_among_allowed"),
    ],
)
def test_no_list_is_empty_without_a_reason(client, body, why):
    query = client.post(SEARCHES, json=body).json()["query"]
    assert (query["empty_because"], "relaxed" in query) == (why, False)


BAD = (
    "😀" * 200, "مطعم قريب", "\u202e火锅\u202c", "火\u200d锅", "锅" * 512, "a" * 512, "ﷺ" * 512,
    "'; DROP TABLE documents; --", 'title:"x"~5^9 AND (*:* [1 TO *])', "((((" * 128, "\x00\x01",
    "必须100元以下 必须200元以上", "100-1元" * 60, "1a-" * 170, "九" * 512, "9" * 300 + "元以下",
)  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_no_person_types_is_answered(client, text):
    assert client.post(SEARCHES, json={"query": text}).status_code == 200


def test_a_lone_surrogate_is_refused_by_field(client):
    answer = client.post(SEARCHES, content=b'{"query": "\\ud800"}',
                         headers={"content-type": "application/json"})  # fmt: skip
    assert answer.status_code == 400


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=60) | st.text("必须100-元以下附近hotel火锅 '\"():*?\u200d😀", max_size=40))
def test_any_text_is_answered_or_refused_by_field(client, text):
    answer = client.post(SEARCHES, json={"query": text})
    assert answer.status_code in (200, 400)
