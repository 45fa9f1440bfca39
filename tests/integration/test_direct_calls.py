"""Calls past the framework answer as those that take the whole way."""

from __future__ import annotations

import pytest

from tests.builders import city_rows
from tests.builders.servers import gateway, publish_snapshot

PAGE = "https://shop.example"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(40), data)
    with gateway(data, f"service.cors_origins=[{PAGE!r}]".replace("'", '"'), key="sesame") as http:
        yield http


def both(client, method: str, path: str, **more):
    """The answer of the short way and of the long one, which pages of another origin take."""
    headers = more.pop("headers", {})
    return [
        client.request(method, path, headers={**headers, **origin}, **more)
        for origin in ({}, {"Origin": PAGE})
    ]


def found(answer) -> list[str]:
    return [result["id"] for result in answer.json()["results"]]


@pytest.mark.parametrize(
    ("status", "method", "path", "more"),
    [
        (200, "GET", "/v1/search?q=tea", {}),
        (200, "POST", "/v1/search", {"json": {"query": "tea"}}),
        (400, "GET", "/v1/search?limit=0", {}),
        (400, "GET", "/v1/search?channels=none", {}),
        (400, "POST", "/v1/search", {"content": b"{", "headers": {"Content-Type": "text/json"}}),
        (401, "POST", "/v1/search", {"json": {"query": "tea", "explain": True}}),
        (405, "DELETE", "/v1/search", {}),
        (413, "POST", "/v1/search", {"content": b"x" * (2 << 20)}),
    ],
)
def test_both_ways_give_the_same_answer(client, status, method, path, more):
    short, long = both(client, method, path, **more)
    assert (short.status_code, long.status_code) == (status, status)
    assert short.headers["content-type"] == long.headers["content-type"]
    if status == 200:
        assert [r["id"] for r in short.json()["results"]] == [
            r["id"] for r in long.json()["results"]
        ]
        assert short.json()["results"]
    else:
        assert short.json() == long.json()


def test_only_pages_that_may_are_told_so(client):
    short, long = both(client, "GET", "/v1/search?q=tea")
    assert "access-control-allow-origin" not in short.headers
    assert long.headers["access-control-allow-origin"] == PAGE


def counted(client) -> float:
    """How many searches the metrics page says were answered."""
    sample = 'duolu_requests_total{route="/v1/search",status="200"} '
    found = [line for line in client.get("/metrics").text.splitlines() if line.startswith(sample)]
    return float(found[0].removeprefix(sample)) if found else 0.0


def test_the_short_way_is_counted_by_its_route(client):
    before = counted(client)
    assert client.get("/v1/search?q=tea").is_success
    assert counted(client) == before + 1
    described = client.get("/openapi.json").json()["paths"]
    assert set(described["/v1/search"]) == {"get", "post"}
