"""A release that does not serve: who goes on, and where it is said why."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.rank.follow import lacking
from app.rank.proofs import FILE
from app.snapshot.artifact import seal
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.releases import make_release
from tests.builders.servers import SNAPSHOT_ID, gateway, make_engine, publish_snapshot, ranker

GOOD, OTHER, BROKEN = "20260101T000001Z-a", "20260101T000002Z-b", "20260101T000003Z-c"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """One that serves, one more, and one whose model was altered and sealed anew."""
    folder = tmp_path_factory.mktemp("built")
    publish_snapshot(city_rows(60), folder)
    snapshot = open_snapshot(folder / "snapshots" / SNAPSHOT_ID)
    store = models(folder)
    for release_id, sign in ((GOOD, 1.0), (OTHER, -1.0), (BROKEN, 1.0)):
        make_release(snapshot, store, release_id, "price", sign)
    file = store.root / BROKEN / "model.txt"
    file.write_text(re.sub("right_child=-?[0-9]+", "right_child=77", file.read_text(), count=1))
    seal(file.parent, "release", {**store.manifest(BROKEN)})
    store.publish(GOOD)
    return folder


@pytest.fixture
def data(built, tmp_path) -> Path:
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def client(data) -> Iterator[httpx.Client]:
    with gateway(data) as client:
        yield client


def models(data: Path) -> ArtifactStore:
    return ArtifactStore(data / "models" / "lambdarank", "release")


def entry(client: httpx.Client, release_id: str) -> dict:
    listed = client.get("/v1/releases").json()["releases"]
    return next(e for e in listed if e["id"] == release_id)


def test_what_the_canary_refuses_is_said_by_the_call_the_list_and_the_metrics(client, data):
    answer = client.post(f"/v1/releases/{BROKEN}/activate")
    assert answer.status_code == 409
    assert "canary refuses it" in answer.json()["detail"]
    assert models(data).current_id() == GOOD
    told = entry(client, BROKEN)
    assert "canary refuses it" in told["problem"]
    assert not told["ready"]
    assert f'duolu_refused_info{{artifact="{BROKEN} on {SNAPSHOT_ID}"}} 1.0' in (
        client.get("/metrics").text
    )
    assert client.get("/v1/search", params={"q": "tea"}).json()["release_id"] == GOOD
    assert client.post("/v1/search", json={"release": BROKEN}).status_code == 409


def test_a_broken_release_that_was_pointed_at_leaves_the_one_before(data):
    engine = make_engine(data)
    (models(data).root / "CURRENT").write_text(BROKEN)
    for _ in range(3):
        engine.refresh()
        assert engine.acquire().release_id == GOOD
    assert BROKEN in (engine.attempts.problem_of(BROKEN) or "")
    engine.close()


def test_a_swap_is_counted_and_going_back_opens_nothing(client, data):
    for release_id in (OTHER, GOOD, OTHER):
        assert client.post(f"/v1/releases/{release_id}/activate").json()["serving"] == release_id
    # Both are open: that their files are gone makes no difference to going back.
    (models(data).root / GOOD / "model.txt").unlink()
    assert client.post(f"/v1/releases/{GOOD}/activate").status_code == 200
    assert client.get("/v1/search", params={"q": "tea"}).json()["release_id"] == GOOD
    assert 'duolu_swaps_total{artifact="release"} 4.0' in client.get("/metrics").text


def test_what_scores_a_release_stands_on_the_metrics_page(client, data):
    assert f'duolu_scored_by_info{{release_id="{GOOD}",scorer="tree scorer"}} 1.0' in (
        client.get("/metrics").text
    )


def test_a_release_is_proven_once_for_all_processes(data):
    (models(data).root / FILE).unlink()
    for _ in range(2):
        engine = make_engine(data)
        assert engine.acquire().release_id == GOOD
        engine.close()
    marks = (models(data).root / FILE).read_text().splitlines()
    assert [mark.split()[0] for mark in marks] == [GOOD]


def test_a_gateway_swaps_when_its_ranker_has_the_release_too(data, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("ranker") / "data"
    shutil.copytree(data, elsewhere, ignore=shutil.ignore_patterns(OTHER, "*.db*"))
    with ranker(elsewhere) as service:
        url = str(service.base_url).rstrip("/")
        engine = make_engine(data, f"rank.url={url}")
        models(data).publish(OTHER)
        engine.refresh()
        assert engine.acquire().release_id == GOOD
        assert "does not have it" in (engine.attempts.problem_of(OTHER) or "")
        shutil.copytree(models(data).root / OTHER, models(elsewhere).root / OTHER)
        engine.refresh()
        assert "being opened" in (engine.attempts.problem_of(OTHER) or "")
        assert service.post(f"/v1/releases/{OTHER}/activate").status_code == 200
        engine.refresh()
        assert engine.acquire().release_id == OTHER
        assert engine.attempts.problem_of(OTHER) is None
        assert lacking(url, None, BROKEN) is not None
        engine.close()
    assert lacking(url, None, BROKEN) is None  # nobody is there to wait for


def test_answers_that_are_no_listing_hold_nobody_up(data):
    with gateway(data, key="sesame") as client:
        url = str(client.base_url).rstrip("/")
        assert lacking(url, "wrong key", BROKEN) is None
        assert lacking(url, "sesame", GOOD) is None
        assert lacking(f"{url}/nowhere", "sesame", GOOD) is None
