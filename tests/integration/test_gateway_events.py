"""Events over HTTP: on disk before the answer, once each, and what a person did counts at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from app.corpus.event_log import FILE, EventLog
from app.corpus.posted_events import MOST_EVENTS, TELL
from app.domain.events import Event
from app.online.gateway.events import MAX_EVENTS_BYTES
from tests.builders import city_rows
from tests.builders.databases import PostgreSQL
from tests.builders.half_sent import half_sent
from tests.builders.servers import gateway, publish_snapshot
from tests.builders.waiting import until

NDJSON = {"Content-Type": "application/x-ndjson"}
NOW_MS = int(time.time() * 1e3)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("catalogue")
    publish_snapshot(city_rows(60), data)
    return data


@pytest.fixture
def data(catalogue: Path, tmp_path: Path) -> Path:
    """The catalogue, with logs of its own."""
    (tmp_path / "snapshots").symlink_to(catalogue / "snapshots")
    return tmp_path


@pytest.fixture
def client(data: Path) -> Iterator[httpx.Client]:
    with gateway(data) as client:
        yield client


def click(document: str = "d1", **more: Any) -> dict[str, Any]:
    attributes = {"object": {"object_id": document}}
    common = {"action_name": "click", "timestamp": NOW_MS, "user_id": "ann"}
    return {**common, "event_attributes": attributes, **more}


def lines(*rows: object) -> bytes:
    return b"\n".join(row if isinstance(row, bytes) else orjson.dumps(row) for row in rows)


def logged(data: Path) -> list[Event]:
    log = EventLog.open(data / FILE)
    try:
        return list(log.read())
    finally:
        log.close()


def counted(client: httpx.Client, name: str) -> float:
    page = client.get("/metrics").text
    return float(next(x for x in page.splitlines() if x.startswith(name + " ")).split()[-1])


def test_one_event_is_in_the_log_before_the_answer(client: httpx.Client, data: Path) -> None:
    answer = client.post("/v1/events", json=click(event_id="e1"))
    assert answer.status_code == 200
    assert answer.json() == {
        "accepted": 1, "duplicates": 0, "refused": 0, "unknown_documents": 0, "seq": 1,
        "errors": [],
    }  # fmt: skip
    (kept,) = logged(data)
    assert replace(kept, user_id=None) == Event("e1", "click", NOW_MS, object_id="d1")
    assert kept.user_id not in (None, "ann")  # logs know people by pseudonyms


def test_an_array_and_lines_are_batches(client: httpx.Client, data: Path) -> None:
    assert client.post("/v1/events", json=[click("d1"), click("d2")]).json()["accepted"] == 2
    body = lines(click("d3"), b"", click("d4"), b"\r")
    assert client.post("/v1/events", content=body, headers=NDJSON).json()["accepted"] == 2
    assert [e.object_id for e in logged(data)] == ["d1", "d2", "d3", "d4"]


def test_the_same_event_twice_counts_once(client: httpx.Client, data: Path) -> None:
    """By its id, or without one by its content."""
    for body in (click(event_id="e"), click("d2")):
        assert client.post("/v1/events", json=body).json()["accepted"] == 1
        assert client.post("/v1/events", json=[body, body]).json()["duplicates"] == 2
    assert len(logged(data)) == 2
    assert counted(client, 'duolu_events_total{outcome="duplicate"}') == 4


def test_a_bad_event_is_named_and_the_others_are_accepted(client: httpx.Client, data: Path) -> None:
    year_ahead = NOW_MS + 365 * 86_400_000
    bad = (
        click(timestamp=year_ahead), {"action_name": "click"}, 7, click(action_name=["click"]),
        {**click(), "event_attributes": {}},
    )  # fmt: skip
    answer = client.post("/v1/events", content=lines(click(), *bad, b"{", click("d2")),
                         headers=NDJSON)  # fmt: skip
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["refused"]) == (2, 6)
    named = [(e["index"], e["field"]) for e in told["errors"]]
    assert named == [
        (1, "timestamp"), (2, "timestamp"), (3, "event"), (4, "action_name"),
        (5, "event_attributes.object.object_id"), (6, "body"),
    ]  # fmt: skip
    assert "more than a day in the future" in told["errors"][0]["detail"]
    assert str(year_ahead) in told["errors"][0]["value"]
    assert [e.object_id for e in logged(data)] == ["d1", "d2"]
    assert counted(client, 'duolu_events_total{outcome="refused"}') == 6


def test_a_body_of_bad_events_alone_is_refused(client: httpx.Client, data: Path) -> None:
    answer = client.post("/v1/events", json=[{"action_name": "click"}] * (TELL + 5))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["refused"], len(told["errors"]), told["field"]) == (TELL + 5, TELL, "timestamp")
    assert logged(data) == []


def test_an_event_for_an_unknown_document_is_accepted_and_counted(client: httpx.Client) -> None:
    told = client.post("/v1/events", json=[click("d1"), click("nowhere")]).json()
    assert (told["accepted"], told["unknown_documents"]) == (2, 1)
    assert counted(client, "duolu_events_unknown_documents_total") == 1


@pytest.mark.parametrize(
    ("content", "headers", "status", "said"),
    [
        (b"{}", {"Content-Type": "text/plain"}, 415, "text/plain"),
        (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "form"),
        (b"{}", {"Content-Type": "application/json", "Origin": "http://evil"}, 403, "evil"),
        (b"[", {"Content-Type": "application/json"}, 400, "is no JSON"),
        (b"[]", {"Content-Type": "application/json"}, 400, "is empty"),
        (b"\n \n", NDJSON, 400, "is empty"),
        (b"[7]", {"Content-Type": "application/json"}, 400, "event = 7"),
        (b"[" + b"1," * MOST_EVENTS + b"1]", {"Content-Type": "application/json"}, 400, "10001"),
        (b" " * (MAX_EVENTS_BYTES + 1), NDJSON, 413, "larger"),
    ],
)  # fmt: skip
def test_what_is_no_body_of_events_is_refused(
    client: httpx.Client, content: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    answer = client.post("/v1/events", content=content, headers=headers)
    assert answer.status_code == status
    assert said in answer.json()["detail"]


def test_events_need_the_key_where_one_is_set(data: Path) -> None:
    with gateway(data, key="secret") as client:
        assert client.post("/v1/events", json=click()).status_code == 401
        bearer = {"Authorization": "Bearer secret"}
        assert client.post("/v1/events", json=click(), headers=bearer).status_code == 200


def test_bodies_that_only_promise_to_be_large_turn_no_event_away(client: httpx.Client) -> None:
    part = b'[{"action_name": '
    with half_sent(client, 40, "/v1/events", part, {}, MAX_EVENTS_BYTES):
        answer = client.post("/v1/events", json=click())
        assert answer.status_code == 200, answer.text


def test_many_small_posts_at_once_lose_and_double_nothing(client: httpx.Client, data: Path) -> None:
    def post(n: int) -> tuple[int, int]:
        told = client.post("/v1/events", json=[click(event_id=f"e{n // 2}"), click(f"n{n}")])
        return told.json()["accepted"], told.json()["duplicates"]

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(post, range(80)))
    assert sum(accepted for accepted, _ in done) == 40 + 80
    assert sum(duplicates for _, duplicates in done) == 40
    assert len({e.event_id for e in logged(data)}) == len(logged(data)) == 120


def hits(client: httpx.Client, channel: str, **who: str) -> list[str]:
    answer = client.post("/v1/search", json={"channels": [channel], "limit": 60, **who})
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["results"]]


def wait_until_known(client: httpx.Client, channel: str, **who: str) -> list[str]:
    until(lambda: hits(client, channel, **who))
    return hits(client, channel, **who)


def test_a_click_tells_the_profile_channel_what_a_stranger_likes(client: httpx.Client) -> None:
    assert hits(client, "profile", user_id="ann") == []
    client.post("/v1/events", json=click("d1"))
    liked = wait_until_known(client, "profile", user_id="ann")
    category = client.get("/v1/documents/d1").json()["document"]["category"]
    best = client.get(f"/v1/documents/{liked[0]}").json()["document"]
    assert best["category"] == category
    assert hits(client, "profile", user_id="bob") == []
    assert hits(client, "profile") == []


def test_what_was_done_on_the_phone_counts_on_the_desk_once_both_are_linked(
    client: httpx.Client,
) -> None:
    phone = {**click("d1", client_id="phone"), "user_id": None}
    client.post("/v1/events", json=phone)
    wait_until_known(client, "profile", client_id="phone")
    assert hits(client, "profile", user_id="ann") == []
    link = {"action_name": "link_identity", "timestamp": NOW_MS, "client_id": "phone",
            "user_id": "ann"}  # fmt: skip
    client.post("/v1/events", json=link)
    wait_until_known(client, "profile", user_id="ann")
    client.post("/v1/events", json=link | {"action_name": "unlink_identity"})
    until(lambda: not hits(client, "profile", user_id="ann"))
    assert hits(client, "profile", client_id="phone")


def test_what_was_done_is_known_after_a_restart(data: Path) -> None:
    with gateway(data) as client:
        client.post("/v1/events", json=click("d1"))
    with gateway(data) as client:
        assert hits(client, "profile", user_id="ann")


def test_postgresql_takes_events_and_its_outage_is_told(data: Path, postgresql: PostgreSQL) -> None:
    with gateway(data, f"store.url={postgresql.new_database()}") as client:
        assert client.post("/v1/events", json=click("d1")).json()["accepted"] == 1
        wait_until_known(client, "profile", user_id="ann")
        postgresql.kill()
        answer = client.post("/v1/events", json=click("d2"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        postgresql.start()
        assert client.post("/v1/events", json=click("d2")).json()["accepted"] == 1
