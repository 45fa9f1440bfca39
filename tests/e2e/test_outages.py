"""Two gateways, a ranker and an indexer while PostgreSQL or Redis is away: searches go on.

What was acknowledged is there afterwards, once; what cannot be kept is refused and says when to try
again; what an answer lacks stands in `degraded`, and is whole again by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.corpus.document_log import DocumentLog
from app.corpus.event_log import FILE, EventLog
from tests.builders.cluster import RELEASE, Cluster, cluster, searching
from tests.builders.databases import PostgreSQL, Redis
from tests.builders.processes import Served, until

ANSWERED = 0.999


@pytest.fixture(scope="module")
def running(
    postgresql_server: PostgreSQL, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    postgresql_server.start()
    redis_server.start()
    with cluster(tmp_path_factory.mktemp("data"), postgresql_server, redis_server) as running:
        yield running


numbers = count()


def put(at: Served, id_: str | None = None) -> tuple[str, int, dict[str, str]]:
    """Write a document of its own word; return its id, the status and the headers."""
    id_ = id_ or f"new{next(numbers)}"
    answer = at.client.put(f"/v1/documents/{id_}", json={"title": f"{word_of(id_)} lamp"})
    return id_, answer.status_code, dict(answer.headers)


def word_of(id_: str) -> str:
    """A word of consonants: one with digits is found by its parts as well, others by stems."""
    return "zebra" + id_.translate(str.maketrans("0123456789", "bcdfghjkmp"))


def post(at: Served, document: str, user: str = "ann") -> tuple[str, int, dict[str, str]]:
    """Report a click; return the event's id, the status and the headers."""
    event_id = f"event{next(numbers)}"
    event = {
        "event_id": event_id, "action_name": "purchase", "timestamp": int(time.time() * 1e3),
        "user_id": user, "event_attributes": {"object": {"object_id": document}},
    }  # fmt: skip
    answer = at.client.post("/v1/events", json=event)
    return event_id, answer.status_code, dict(answer.headers)


def finds(at: Served, **body: Any) -> list[str]:
    answer = at.client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return [result["id"] for result in answer.json()["results"]]


def has(at: Served, written: str) -> bool:
    """Whether a document that `put` wrote is found by its word."""
    asked = {"query": word_of(written), "channels": ["lexical"], "correct": False}
    return finds(at, **asked) == [written]


def is_whole(at: Served) -> bool:
    answer = at.client.post("/v1/search", json={"query": "火锅", "user_id": "ann"}).json()
    return bool(answer["results"]) and not answer["degraded"] and answer["release_id"] == RELEASE


def all_whole(running: Cluster) -> bool:
    return all(is_whole(gateway) for gateway in running.gateways)


def kept_documents(running: Cluster) -> set[str]:
    log = DocumentLog.open(Path("unused"), running.database_url)
    try:
        return {entry.id for entry in log.read()}
    finally:
        log.close()


def kept_events(running: Cluster) -> list[str]:
    log = EventLog.open(Path(FILE), running.database_url)
    try:
        return [event.event_id for event in log.read() if event.event_id.startswith("event")]
    finally:
        log.close()


def until_refused(write: Callable[[], tuple[str, int, dict[str, str]]]) -> None:
    """Write until the outage is noticed: what is refused is refused in order."""
    statuses = []
    for _ in range(3):
        _, status, headers = write()
        statuses.append(status)
        if status == 503:
            assert int(headers["retry-after"]) >= 1
    assert statuses == [503, 503, 503]


def test_what_one_gateway_takes_the_other_finds(running: Cluster) -> None:
    one, other = running.gateways
    until(lambda: all_whole(running))
    written, status, _ = put(one)
    assert status in (200, 201)
    until(lambda: has(other, written))
    assert finds(other, channels=["behaviour", "profile"], user_id="bob") == []
    assert post(one, "d7", "bob")[1] == 200
    until(lambda: bool(finds(other, channels=["behaviour", "profile"], user_id="bob")))
    assert one.client.delete("/v1/users/bob").json()["known"]
    until(lambda: finds(other, channels=["behaviour", "profile"], user_id="bob") == [])


def test_without_redis_searches_go_on_and_events_are_taken(running: Cluster) -> None:
    one, other = running.gateways
    until(lambda: all_whole(running))
    with searching(running.gateways) as searched:
        running.redis.stop()
        until(lambda: searched.degraded["state:unavailable"] > 20)
        events = [post(at, "d7") for at in (one, other)]
        assert [status for _, status, _ in events] == [200, 200]
        assert put(one)[1] in (200, 201)
        running.redis.start()
        until(lambda: all_whole(running))
    assert searched.answered >= ANSWERED, searched.failed[:3]
    assert {id_ for id_, _, _ in events} <= set(kept_events(running))
    until(lambda: bool(finds(one, channels=["behaviour", "profile"], user_id="ann")))


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_without_postgresql_searches_go_on_and_writes_are_refused(
    running: Cluster, how: str
) -> None:
    one, other = running.gateways
    until(lambda: all_whole(running))
    with searching(running.gateways) as searched:
        acknowledged = [put(at)[0] for at in (one, other, one)]
        events = [post(at, "d7")[0] for at in (one, other, one)]
        getattr(running.postgresql, how)()
        until(lambda: searched.degraded["identity:unavailable"] > 20)
        for at in (one, other):
            until_refused(lambda at=at: put(at))
            until_refused(lambda at=at: post(at, "d7"))
        assert one.client.delete("/v1/users/ann").status_code == 503
        running.postgresql.start()
        until(lambda: all_whole(running))
        late, status, _ = put(other)
        assert status in (200, 201)
        events.append(post(one, late)[0])
    assert searched.answered >= ANSWERED, searched.failed[:3]
    assert {*acknowledged, late} <= kept_documents(running)
    kept = kept_events(running)
    assert [kept.count(event_id) for event_id in events] == [1] * len(events)
    for id_ in (*acknowledged, late):
        for at in (one, other):
            until(lambda at=at, id_=id_: has(at, id_))
