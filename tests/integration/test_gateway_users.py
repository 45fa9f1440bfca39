"""DELETE /v1/users/{id}: whoever is forgotten is a stranger to every process, and then no byte."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import redis as redis_client

from app.offline.forgetting import sweep
from app.offline.workplace import Workplace
from app.settings import Settings
from tests.builders import city_rows
from tests.builders.databases import PostgreSQL
from tests.builders.people import ANN, DESK, PHONE, holders
from tests.builders.servers import gateway, publish_snapshot
from tests.builders.snapshots import CONFIG
from tests.builders.waiting import until

KEY = {"Authorization": "Bearer secret"}


@pytest.fixture(params=["memory", "redis"])
def state(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("redis_url") if request.param == "redis" else None


@pytest.fixture
def two(state: str | None, tmp_path: Path) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Two gateways of one place."""
    publish_snapshot(city_rows(60), tmp_path)
    overrides = [f"state.url={state}"] if state else []
    with ExitStack() as services:
        both = [services.enter_context(gateway(tmp_path, *overrides, key="secret")) for _ in "ab"]
        for client in both:
            client.headers.update(KEY)
        yield both[0], both[1]


def post(client: httpx.Client, action: str, **more: object) -> None:
    event = {"action_name": action, "timestamp": int(time.time() * 1e3), **more}
    assert client.post("/v1/events", json=event).json()["accepted"] == 1


def found(client: httpx.Client, **who: str) -> list[str]:
    """What the behaviour channel finds for somebody."""
    answer = client.post("/v1/search", json={"channels": ["behaviour", "profile"], **who}).json()
    return [result["id"] for result in answer["results"]]


def clicks_of_ann(client: httpx.Client) -> None:
    attributes = {"object": {"object_id": "d7"}}
    post(client, "link_identity", user_id=ANN, client_id=PHONE)
    for _ in range(2):
        post(client, "purchase", client_id=PHONE, event_attributes=attributes)
    post(client, "click", client_id=DESK, user_id=ANN, event_attributes=attributes)
    post(client, "click", user_id="bob", event_attributes=attributes)


def test_the_forgotten_are_strangers_to_every_process_and_then_no_byte(
    two: tuple[httpx.Client, httpx.Client], state: str | None, tmp_path: Path
) -> None:
    here, there = two
    clicks_of_ann(here)
    for client in two:
        until(lambda c=client: bool(found(c, user_id=ANN)) and bool(found(c, client_id=PHONE)))
    place = Workplace(Settings.load(CONFIG, environment={}), tmp_path, tmp_path / "models")
    with place.identities() as identities:
        known = identities.find([f"user:{ANN}", f"client:{PHONE}", f"client:{DESK}"])
    assert len(known) == 3

    answer = there.delete(f"/v1/users/{ANN}")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"known": True, "degraded": [], "deletion_begins_after_minutes": 60}
    assert there.delete(f"/v1/users/{ANN}").json()["known"] is False  # twice is once
    assert found(there, user_id=ANN) == []
    assert found(there, client_id=PHONE) == []  # a link said that it is hers
    until(lambda: found(here, user_id=ANN) == [] == found(here, client_id=PHONE))
    assert found(here, user_id="bob")
    if state is not None:
        held = redis_client.Redis.from_url(state).keys("*")
        assert held
        assert not [key for key in held if known[f"user:{ANN}"].encode() in key]

    sweep(place, int(time.time() * 1e3))
    traces = {*known.values(), DESK}
    until(lambda: not {*holders(tmp_path, *traces)})
    assert found(here, user_id="bob")


@pytest.mark.parametrize("state", ["memory"], indirect=True)
def test_who_may_and_what_is_no_id(two: tuple[httpx.Client, httpx.Client]) -> None:
    client, _ = two
    assert client.delete("/v1/users/nobody-we-know").json()["known"] is False
    refused = client.delete(f"/v1/users/{'x' * 257}")
    assert (refused.status_code, refused.json()["field"]) == (400, "user_id")
    client.headers.pop("Authorization")
    assert client.delete(f"/v1/users/{ANN}").status_code == 401
    foreign = client.delete(f"/v1/users/{ANN}", headers={**KEY, "Origin": "https://evil.example"})
    assert foreign.status_code == 403


def test_nobody_is_forgotten_by_half(postgresql: PostgreSQL, tmp_path: Path) -> None:
    """A store that is down refuses, and the person is known as before when it is back."""
    publish_snapshot(city_rows(60), tmp_path)
    with gateway(tmp_path, f"store.url={postgresql.new_database()}") as client:
        clicks_of_ann(client)
        until(lambda: bool(found(client, user_id=ANN)))
        postgresql.stop()
        refused = client.delete(f"/v1/users/{ANN}")
        assert refused.status_code == 503, refused.text
        assert refused.headers["Retry-After"]
        postgresql.start()
        until(lambda: bool(found(client, user_id=ANN)))
        until(lambda: client.delete(f"/v1/users/{ANN}").status_code == 200)
        assert found(client, user_id=ANN) == []
