"""What somebody just did counts in every gateway, and what was acknowledged survives a crash."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.corpus.event_log import FILE, EventLog
from app.offline.behaviour.publish import publish_tables
from app.offline.sessions import events_of
from app.snapshot.opening import open_snapshot
from tests.builders import city_rows
from tests.builders.behaviour import make_sessions
from tests.builders.databases import Redis
from tests.builders.processes import free_port, services
from tests.builders.requests import NOW_MS
from tests.builders.servers import SNAPSHOT_ID, publish_snapshot
from tests.builders.waiting import until

ROUNDS = 2


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A catalogue, and tables that know what goes together."""
    publish_snapshot(city_rows(60), tmp_path)
    snapshot = open_snapshot(tmp_path / "snapshots" / SNAPSHOT_ID)
    log = EventLog.open(tmp_path / FILE)
    log.append([e for s in make_sessions(snapshot) for e in events_of(s)])
    analyzers = snapshot.documents.schema.analyzers
    publish_tables(log, tmp_path, NOW_MS, NOW_MS, snapshot.analyzer, analyzers)
    log.close()
    return tmp_path


def click(user: str, document: str, **more: object) -> dict[str, object]:
    attributes = {"object": {"object_id": document}}
    now_ms = int(time.time() * 1e3)
    common = {"action_name": "click", "timestamp": now_ms, "event_attributes": attributes}
    return {**common, "user_id": user, **more}


def hits(client: httpx.Client, channel: str, user: str) -> list[str]:
    body = {"channels": [channel], "user_id": user, "limit": 50}
    return [r["id"] for r in client.post("/v1/search", json=body).json().get("results", ())]


def test_a_click_in_one_gateway_changes_both_channels_in_another(
    data: Path, redis_url: str
) -> None:
    shared = (f"state.url={redis_url}", "state.timeout_ms=2000")
    with services(data, [("all", free_port()), ("all", free_port())], shared) as both:
        one, other = (served.client for served in both)
        for channel in ("behaviour", "profile"):
            assert hits(other, channel, "ann") == []
        assert one.post("/v1/events", json=click("ann", "d1")).status_code == 200
        for channel in ("behaviour", "profile"):
            until(lambda channel=channel: hits(other, channel, "ann"))
        liked = hits(other, "profile", "ann")
        for _ in range(3):
            assert one.post("/v1/events", json=click("ann", "d2")).status_code == 200
        until(lambda: hits(other, "profile", "ann") != liked)


def test_searches_go_on_without_redis_and_say_so_until_it_is_back(data: Path, redis: Redis) -> None:
    settings = (f"state.url={redis.url}", "state.timeout_ms=500")
    with services(data, [("all", free_port())], settings) as [served]:
        client = served.client
        client.post("/v1/events", json=click("ann", "d1"))
        until(lambda: hits(client, "profile", "ann"))
        redis.kill()

        def missing() -> list[str]:
            return client.post("/v1/search", json={"user_id": "ann"}).json()["degraded"]

        until(lambda: missing() == ["state:unavailable"])
        assert client.post("/v1/search", json={}).json()["degraded"] == []  # nobody is asked for
        assert client.post("/v1/events", json=click("ann", "d2")).status_code == 200
        redis.start()
        until(lambda: missing() == [])
        until(lambda: "d2" in hits(client, "profile", "ann"))


def test_what_was_acknowledged_survives_kill_9_and_counts_once(data: Path) -> None:
    chance, acknowledged = random.Random(5), set[str]()
    for round_ in range(ROUNDS):
        with services(data, [("all", free_port())]) as [served]:
            client = served.client
            is_over = threading.Event()
            names = (f"{round_}-{n}" for n in range(10**6))
            writers = [
                threading.Thread(target=write, args=(client, names, acknowledged, is_over))
                for _ in range(3)
            ]
            for writer in writers:
                writer.start()
            time.sleep(chance.uniform(0.2, 1.0))
            served.process.kill()
            is_over.set()
            for writer in writers:
                writer.join()
    log = EventLog.open(data / FILE)
    kept = [e.event_id for e in log.read()]
    assert acknowledged
    assert acknowledged <= set(kept)
    assert len(kept) == len(set(kept))
    with services(data, [("all", free_port())]) as [served]:
        client = served.client
        again = [click("ann", "d1", event_id=name) for name in sorted(acknowledged)[:1000]]
        assert client.post("/v1/events", json=again).json()["duplicates"] == len(again)
        assert hits(client, "profile", "ann")  # known from the log, at the first search


def write(
    client: httpx.Client, names: Iterator[str], acknowledged: set[str], is_over: threading.Event
) -> None:
    """Post two at a time and note what was acknowledged."""
    while not is_over.is_set():
        try:
            pair = [next(names), next(names)]
            events = [click("ann", "d1", event_id=name) for name in pair]
            if client.post("/v1/events", json=events).status_code == 200:
                acknowledged.update(pair)
        except (httpx.HTTPError, ValueError):  # ValueError: another thread is drawing a name
            continue
