"""Both clients against a real gateway: every call, every way in which one ends badly."""

from __future__ import annotations

import asyncio
import inspect
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import client as c
from tests.builders import city_rows
from tests.builders.losing import losing_answers
from tests.builders.processes import free_port
from tests.builders.servers import StuckChannel, gateway, publish_snapshot
from tests.builders.waiting import until

KEY = "sesame"
EXAMPLES = re.findall(
    r"```python\n(.*?)```",
    (Path(__file__).parents[2] / "docs" / "client.md").read_text("utf-8"),
    re.S,
)
STUCK = (
    "channels.vector.kind=tests.builders.servers:StuckChannel",
    "channels.vector.timeout_ms=30000",
    "service.timeout_ms=30000",
    "service.max_concurrent=1",
)

Ask = Callable[..., Any]
"""(method, *arguments) → its result; what a client yields comes as a list."""


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(60), directory)
    with gateway(directory, key=KEY) as client:
        yield str(client.base_url)


def asking(kind: str, url: str, **options: Any) -> Ask:
    """A client of either kind, as one function."""
    given = {"key": KEY, "trust_env": False, "timeout_s": 60.0, **options}

    def blocking(method: str, *arguments: Any, **named: Any) -> Any:
        with c.Client(url, **given) as client:
            result = getattr(client, method)(*arguments, **named)
            return list(result) if inspect.isgenerator(result) else result

    async def awaited(method: str, *arguments: Any, **named: Any) -> Any:
        async with c.AsyncClient(url, **given) as client:
            result = getattr(client, method)(*arguments, **named)
            if inspect.isasyncgen(result):
                return [part async for part in result]
            return await result

    if kind == "blocking":
        return blocking
    return lambda *arguments, **named: asyncio.run(awaited(*arguments, **named))


@pytest.fixture(params=["blocking", "asynchronous"])
def kind(request) -> str:
    return request.param


@pytest.fixture
def ask(kind: str, url: str) -> Ask:
    return asking(kind, url)


def test_a_search_comes_back_as_data(ask: Ask) -> None:
    answer = ask(
        "search", "tea", location=(39.9, 116.4), limit=3, facets=["category"], explain=True
    )
    assert answer.total >= len(answer.results) == 3
    assert answer.degraded == []
    first = answer.results[0]
    assert first.rank == 1
    assert first.document["id"] == first.id == answer.ids[0]
    assert first.channels["lexical"].rank
    assert first.distance_km is not None
    assert "category" in answer.facets
    assert {channel.name for channel in answer.channels} >= {"lexical", "geo"}
    assert answer.raw["took_ms"] == answer.took_ms


def test_an_explanation_says_what_became_of_two_documents(ask: Ask) -> None:
    answer = ask("search", "tea", limit=2)
    first, second = answer.ids
    told = ask("explain", "tea", first, second, limit=2)
    assert (told.id, told.found, told.rank, told.stage) == (first, True, 1, None)
    assert told.compare.rank == 2
    assert told.channels["lexical"].k
    missing = ask("explain", "tea", "nobody")
    assert (missing.found, missing.stage) == (False, "not_in_snapshot")
    assert missing.detail


def test_a_search_that_asks_for_it_leaves_a_trace(ask: Ask) -> None:
    answer = ask("search", "tea", trace=True)
    trace = ask("trace", answer.request_id)
    assert trace["request_id"] == answer.request_id
    with pytest.raises(c.NotFound):
        ask("trace", "nobody")


def test_what_is_typed_is_completed(ask: Ask) -> None:
    found = ask("suggest", "te", location=(39.9, 116.4), limit=5)
    assert found
    assert all(one.text and one.kind in ("query", "entity", "category") for one in found)
    with pytest.raises(c.Invalid):
        ask("suggest", "te", limit=0)


def test_what_rises_is_listed(ask: Ask) -> None:
    rising = ask("trending", location=(39.9, 116.4), category="tea", limit=5)
    assert (rising.queries, rising.documents) == ((), ())  # nothing was learned yet
    assert rising.until_ms is None


def test_pages_follow_one_another_and_repeat_nothing(ask: Ask) -> None:
    pages = ask("pages", "", filters={"price": {"gte": 0}}, limit=7, offset=0)
    ids = [id_ for page in pages for id_ in page.ids]
    assert len(pages) > 2
    assert len(ids) == len(set(ids)) == pages[0].total
    assert [r.rank for r in ask("results", "", filters={"price": {"gte": 0}}, limit=7)] == [
        *range(1, len(ids) + 1)
    ]


def test_a_document_is_written_changed_read_and_deleted(ask: Ask, kind: str) -> None:
    id_ = f"new/{kind} 火"
    written = ask("put_document", id_, {"title": "老灶火锅", "price": 86}, must_be_new=True)
    assert written.seq
    with pytest.raises(c.Conflict):
        ask("put_document", id_, {"title": "again"}, must_be_new=True)
    ask("patch_document", id_, {"price": 79}, if_match=written.etag)
    with pytest.raises(c.Conflict) as changed:
        ask("patch_document", id_, {"price": 60}, if_match=written.etag)
    assert changed.value.kind == "stale-write"
    assert ask("get_document", id_).document["price"] == 79
    ask("delete_document", id_)
    with pytest.raises(c.NotFound) as missing:
        ask("get_document", id_)
    assert missing.value.value == id_


def test_many_documents_are_taken_but_for_those_that_are_bad(ask: Ask, kind: str) -> None:
    rows = [{"id": f"{kind}{i}", "title": "tea", "lat": 31.0, "lon": 121.0} for i in range(1_500)]
    rows[1_200]["lat"] = 91.0
    done = ask("put_documents", iter(rows))
    assert done.accepted == 1_499
    [bad] = done.refused
    assert (bad.line, bad.field) == (1_201, "lat")
    alone = ask("put_documents", [rows[1_200]])
    assert (alone.accepted, alone.refused[0].line) == (0, 1)
    assert ask("put_documents", []) == c.Bulk()


def test_events_are_written_and_a_click_names_what_was_shown(ask: Ask) -> None:
    answer = ask("search", "tea", user_id="u1")
    ask("click", answer.request_id, answer.ids[0], rank=1, user_id="u1")
    event = {"action_name": "click", "timestamp": 1_760_000_000_000, "client_id": "p"}
    event["event_attributes"] = {"object": {"object_id": "d1"}}
    [done] = ask("add_events", [event, {"action_name": "click"}])
    assert (done.accepted, done.refused, len(done.errors)) == (1, 1, 1)
    assert ask("forget", "u1")["known"]


def test_administration_lists_what_serves(ask: Ask) -> None:
    listed = ask("snapshots")
    assert listed.serving == listed.published == listed.entries[0]["id"]
    assert ask("releases").entries == ()
    with pytest.raises(c.NotFound):
        ask("activate", "no-such-release")
    assert ask("health").is_ready


def test_a_problem_says_which_field_and_what_to_do(ask: Ask) -> None:
    with pytest.raises(c.Invalid) as caught:
        ask("search", "tea", limit=0)
    problem = caught.value
    assert (problem.status, problem.kind, problem.field) == (400, "invalid-query", "limit")
    assert problem.limit == "between 1 and 1000"
    assert problem.remedy


def test_a_wrong_key_is_forbidden(kind: str, url: str) -> None:
    for key in (None, "wrong"):
        with pytest.raises(c.Forbidden):
            asking(kind, url, key=key)("put_document", "d1", {"title": "x"})


def test_a_service_that_is_not_there_is_tried_again_and_then_named(kind: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    ask = asking(kind, nobody, retries=c.Retries(most=2, first_s=0.01))
    with pytest.raises(c.Unreachable, match="is it running"):
        ask("search", "tea")


def test_a_service_that_has_no_snapshot_is_not_ready(kind: str, tmp_path) -> None:
    with gateway(tmp_path) as client:
        ask = asking(kind, str(client.base_url), retries=c.Retries(most=0))
        health = ask("health")
        assert not health.is_ready
        assert health.detail
        with pytest.raises(c.Busy) as caught:
            ask("search", "tea")
    assert caught.value.retry_after_s == 1


def test_a_busy_service_is_asked_again_until_it_has_time(kind: str, tmp_path) -> None:
    publish_snapshot(city_rows(20), tmp_path)
    with gateway(tmp_path, *STUCK) as client:
        url = str(client.base_url)
        StuckChannel.released.clear()
        first = threading.Thread(target=client.get, args=("/v1/search?q=tea",))
        first.start()
        try:
            until(lambda: "duolu_searches_in_flight 1.0" in client.get("/metrics").text)
            with pytest.raises(c.Busy):
                asking(kind, url, retries=c.Retries(most=0))("search", "tea")
            threading.Timer(0.2, StuckChannel.released.set).start()
            assert asking(kind, url)("search", "tea").results
        finally:
            StuckChannel.released.set()
            first.join()


def test_what_was_written_is_not_written_again_when_the_answer_got_lost(
    kind: str, url: str
) -> None:
    quick = c.Retries(most=3, first_s=0.01)
    with losing_answers(url, 2) as way:
        ask = asking(kind, way, retries=quick)
        written = ask("put_document", f"once-{kind}", {"title": "tea"}, must_be_new=True)
    assert asking(kind, url)("get_document", f"once-{kind}").etag == written.etag
    event = {"action_name": "click", "timestamp": 1_760_000_000_000, "client_id": kind}
    event["event_attributes"] = {"object": {"object_id": "d1"}}
    with losing_answers(url, 1) as way:
        [done] = asking(kind, way, retries=quick)("add_events", [event])
    assert (done.accepted, done.duplicates) == (0, 1)


def test_a_service_that_hangs_is_left_after_the_time_that_was_given(kind: str, tmp_path) -> None:
    publish_snapshot(city_rows(20), tmp_path)
    with gateway(tmp_path, *STUCK) as client:
        StuckChannel.released.clear()
        try:
            with pytest.raises(c.TimedOut, match="raise timeout_s"):
                asking(kind, str(client.base_url), timeout_s=0.2)("search", "tea")
        finally:
            StuckChannel.released.set()


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_page_run(
    example: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("changed.jsonl").write_text('{"id": "c1", "title": "老灶火锅"}\n')
    here = re.sub(r"Client\(.*?\)", f"Client({url!r}, key={KEY!r}, trust_env=False)", example)
    names: dict[str, Any] = {}
    exec(compile(here, "docs/client.md", "exec"), names)
    if "titles" in names:
        asyncio.run(names["titles"]())
