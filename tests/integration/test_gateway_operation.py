"""What operators rely on: readiness, degradation that is said aloud, overload, keys, hot swaps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.domain.errors import InvalidInput
from app.online.access import refuse_open_host
from tests.builders import city_rows
from tests.builders.servers import StuckChannel, gateway, publish_snapshot
from tests.builders.waiting import until

BROKEN = "channels.vector.kind=tests.builders.servers:FailingChannel"
STUCK = (
    "channels.vector.kind=tests.builders.servers:StuckChannel",
    "channels.vector.timeout_ms=30000",
    "service.timeout_ms=30000",
    "service.max_concurrent=1",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(40), directory)
    return directory


def test_a_gateway_is_alive_before_a_snapshot_and_ready_within_seconds_of_one(tmp_path):
    with gateway(tmp_path) as client:
        assert client.get("/livez").status_code == 200
        for path in ("/readyz", "/v1/search?q=tea", "/v1/documents/d1"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert answer.json()["type"] == "urn:duolu:problem:nothing-serves"
        publish_snapshot(city_rows(20), tmp_path)
        until(lambda: client.get("/readyz").status_code == 200)
        assert client.get("/v1/search", params={"q": "tea"}).status_code == 200


def test_every_channel_was_called_before_the_first_search(data):
    StuckChannel.calls = 0
    with gateway(data, *STUCK) as client:
        assert client.get("/readyz").status_code == 200
        assert StuckChannel.calls > 0


def test_a_newer_snapshot_takes_over_without_a_restart(tmp_path):
    publish_snapshot(city_rows(20), tmp_path)
    with gateway(tmp_path) as client:
        assert client.get("/v1/documents/d25").status_code == 404
        publish_snapshot(city_rows(30), tmp_path, "20260102T000000Z-0000test")
        until(lambda: client.get("/v1/documents/d25").status_code == 200)
        listing = client.get("/v1/snapshots").json()
        assert listing["serving"] == "20260102T000000Z-0000test"
        assert [s["serving"] for s in listing["snapshots"]] == [True, False]


def test_an_altered_snapshot_is_refused_by_name_and_the_old_one_goes_on(tmp_path):
    publish_snapshot(city_rows(20), tmp_path)
    with gateway(tmp_path) as client:
        old = client.get("/readyz").json()["snapshot_id"]
        altered = "20260103T000000Z-0000test"
        publish_snapshot(city_rows(20), tmp_path, "20260102T000000Z-0000test")
        broken = tmp_path / "snapshots" / altered
        (tmp_path / "snapshots" / "20260102T000000Z-0000test").rename(broken)
        payload = next((broken / "documents").glob("payload.values*"))
        payload.write_bytes(payload.read_bytes()[:-1] + b"?")
        (tmp_path / "snapshots" / "CURRENT").write_text(altered)

        def problem_of_altered() -> str:
            entries = client.get("/v1/snapshots").json()["snapshots"]
            return next(e["problem"] or "" for e in entries if e["id"] == altered)

        until(lambda: payload.name in problem_of_altered())
        assert client.get("/readyz").json()["snapshot_id"] == old
        assert client.get("/v1/search", params={"q": "tea"}).status_code == 200


def test_a_broken_channel_is_named_and_the_rest_answers(data):
    with gateway(data, BROKEN) as client:
        answer = client.post("/v1/search", json={"query": "火锅"})
        assert answer.status_code == 200
        assert answer.json()["degraded"] == ["vector:failed"]
        assert answer.json()["results"]
        assert 'duolu_degraded_total{reason="vector:failed"} 1.0' in client.get("/metrics").text


def test_a_strict_search_gets_a_503_instead_of_a_partial_answer(data):
    with gateway(data, BROKEN) as client:
        answer = client.post("/v1/search", json={"query": "火锅", "strict": True})
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert answer.json()["degraded"] == ["vector:failed"]
        whole = {"query": "火锅", "strict": True, "channels": ["lexical"]}
        assert client.post("/v1/search", json=whole).status_code == 200


def test_when_every_asked_channel_is_down_there_is_no_empty_200(data):
    with gateway(data, BROKEN) as client:
        answer = client.post("/v1/search", json={"query": "火锅", "channels": ["vector"]})
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "vector" in answer.json()["detail"]


def test_one_search_too_many_is_sent_away_at_once(data):
    with gateway(data, *STUCK) as client, ThreadPoolExecutor(1) as pool:
        try:
            StuckChannel.released.clear()
            first = pool.submit(client.get, "/v1/search", params={"q": "tea"})
            until(lambda: "duolu_searches_in_flight 1.0" in client.get("/metrics").text)
            answer = client.get("/v1/search", params={"q": "tea"})
        finally:
            StuckChannel.released.set()
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert answer.json()["type"] == "urn:duolu:problem:overloaded"
        assert first.result().status_code == 200
        assert client.get("/v1/search", params={"q": "tea"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/snapshots"), ("GET", "/v1/releases"), ("POST", "/v1/releases/x/activate")],
)
def test_administration_needs_the_key_where_one_is_set(data, method, path):
    def status(client: httpx.Client, authorization: str | None) -> int:
        headers = {} if authorization is None else {"Authorization": authorization}
        return client.request(method, path, headers=headers).status_code

    with gateway(data, key="sesame") as client:
        for wrong in (None, "", "sesame", "Bearer", "Bearer sesam", "Basic sesame"):
            assert status(client, wrong) == 401
        assert status(client, "Bearer sesame") in (200, 404)
        assert client.get("/v1/search", params={"q": "tea"}).status_code == 200
    with gateway(data) as client:
        assert status(client, None) in (200, 404)


def test_writes_from_other_pages_and_plain_forms_are_refused(data):
    path = "/v1/releases/x/activate"
    with gateway(data) as client:
        assert client.post(path, headers={"Origin": "https://evil.example"}).status_code == 403
        assert client.post(path, data={"a": "b"}).status_code == 415
        assert client.post(path, headers={"Origin": str(client.base_url)}).status_code == 404
        assert client.post(path, json={}).status_code == 404


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "search.example"])
def test_an_open_host_needs_a_key(host):
    with pytest.raises(InvalidInput, match="DUOLU_KEY"):
        refuse_open_host(host, None)
    with pytest.raises(InvalidInput, match="DUOLU_KEY"):
        refuse_open_host(host, "")
    refuse_open_host(host, "sesame")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_a_loopback_host_needs_no_key(host):
    refuse_open_host(host, None)
