"""Releases over HTTP: which one ranks, how another takes over, and which are refused."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.releases import make_release
from tests.builders.servers import SNAPSHOT_ID, gateway, publish_snapshot

DEAR, CHEAP, ALTERED = "20260101T000001Z-dear", "20260101T000002Z-cheap", "20260101T000003Z-altered"


@pytest.fixture
def client(tmp_path) -> Iterator[httpx.Client]:
    publish_snapshot(city_rows(60), tmp_path)
    snapshot = open_snapshot(tmp_path / "snapshots" / SNAPSHOT_ID)
    store = ArtifactStore(tmp_path / "models" / "lambdarank", "release")
    for release_id, sign in ((DEAR, 1.0), (CHEAP, -1.0), (ALTERED, 1.0)):
        make_release(snapshot, store, release_id, "price", sign)
    model = store.root / ALTERED / "model.txt"
    model.write_text(model.read_text().replace("tree", "TREE", 1))
    with gateway(tmp_path) as client:
        yield client


def prices(client: httpx.Client, **body: object) -> list[float]:
    answer = client.post("/v1/search", json={"query": "火锅", "limit": 5, **body})
    assert answer.status_code == 200, answer.text
    return [result["document"]["price"] for result in answer.json()["results"]]


def test_an_activated_release_ranks_from_then_on_and_so_does_the_one_after(client):
    assert client.get("/v1/search", params={"q": "火锅"}).json()["release_id"] is None
    for release_id, before, reverse in ((DEAR, None, True), (CHEAP, DEAR, False)):
        told = client.post(f"/v1/releases/{release_id}/activate")
        assert told.status_code == 200, told.text
        assert told.json()["release_id"] == release_id
        assert told.json()["previous_id"] == before
        assert client.get("/readyz").json()["release_id"] == release_id
        assert prices(client) == sorted(prices(client), reverse=reverse)
    listing = client.get("/v1/releases").json()
    assert listing["serving"] == listing["published"] == CHEAP
    assert [(r["id"], r["serving"]) for r in listing["releases"]] == [
        (ALTERED, False), (CHEAP, True), (DEAR, False),
    ]  # fmt: skip


def test_a_search_may_name_the_release_that_ranks_it(client):
    client.post(f"/v1/releases/{CHEAP}/activate")
    dear = prices(client, release=DEAR)
    assert dear == sorted(dear, reverse=True)
    assert prices(client) == sorted(prices(client))


def test_an_altered_release_is_refused_with_the_file_and_the_one_before_goes_on(client):
    client.post(f"/v1/releases/{CHEAP}/activate")
    answer = client.post(f"/v1/releases/{ALTERED}/activate")
    assert answer.status_code == 409
    assert "model.txt" in answer.json()["detail"]
    assert client.get("/v1/releases").json()["published"] == CHEAP
    assert client.post("/v1/search", json={"release": ALTERED}).status_code == 409
    assert prices(client) == sorted(prices(client))
