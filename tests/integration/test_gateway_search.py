"""A search over HTTP, from a real server on real artifacts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import httpx
import orjson
import pytest

from tests.builders import city_rows
from tests.builders.servers import SNAPSHOT_ID, gateway, publish_snapshot

ROWS = city_rows(120)
PLACE = {"lat": 31.2, "lon": 121.45}


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[httpx.Client]:
    data = tmp_path_factory.mktemp("data")
    publish_snapshot(ROWS, data)
    with gateway(data) as client:
        yield client


def search(client: httpx.Client, **body: object) -> dict:
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return orjson.loads(answer.content)  # refuses NaN


def test_an_answer_has_everything_that_was_promised(client):
    answer = search(client, query="火锅", user_id="u1")
    assert set(answer) == {
        "request_id", "took_ms", "snapshot_id", "log_seq", "tables_id", "release_id", "degraded",
        "query", "total", "total_relation", "results", "channels", "timings_ms", "next_cursor",
    }  # fmt: skip
    assert answer["snapshot_id"] == SNAPSHOT_ID
    assert answer["release_id"] is None
    assert answer["degraded"] == []
    assert answer["query"] == {"text": "火锅"}
    assert set(answer["timings_ms"]) == {"understand", "recall", "merge", "rank", "select"}
    assert {c["name"] for c in answer["channels"]} >= {"lexical", "vector", "geo", "popular"}
    assert all(set(c) == {"name", "status", "hits", "elapsed_ms"} for c in answer["channels"])


def test_results_carry_the_catalogue_row_and_the_channels_that_brought_it(client):
    results = search(client, query="火锅", limit=5)["results"]
    by_id = {row["id"]: row for row in ROWS}
    assert [r["rank"] for r in results] == [1, 2, 3, 4, 5]
    for result in results:
        assert result["document"]["title"] == by_id[result["id"]]["title"]
        assert "火锅" in result["document"]["title"]
        assert "lexical" in result["channels"]
        assert all(channel["rank"] >= 1 for channel in result["channels"].values())
        assert math.isfinite(result["channels"]["lexical"]["score"])
        assert result["reasons"] == []
        assert "distance_km" not in result


def test_get_and_post_give_the_same_results(client):
    by_url = client.get("/v1/search", params={"q": "川菜 tea", "limit": 7, **PLACE}).json()
    by_body = search(client, query="川菜 tea", limit=7, location=PLACE)
    assert by_url["results"] == by_body["results"]


def test_pages_follow_one_another(client):
    whole = search(client, query="north garden", limit=12)["results"]
    pages = [search(client, query="north garden", limit=4, offset=o)["results"] for o in (0, 4, 8)]
    assert [result for page in pages for result in page] == whole


def test_filters_and_radius_hold_for_every_result(client):
    answer = search(
        client, query="火锅", limit=100, location=PLACE, radius_km=15,
        filters={"in_stock": True, "price": {"lte": 100}},
    )  # fmt: skip
    assert answer["results"]
    for result in answer["results"]:
        assert result["document"]["in_stock"] is True
        assert result["document"]["price"] <= 100
        assert 0 <= result["distance_km"] <= 15


def test_an_empty_query_with_a_filter_lists_every_matching_row(client):
    answer = search(client, filters={"category": ["咖啡"]}, limit=200)
    wanted = {row["id"] for row in ROWS if row["category"] == "咖啡"}
    assert {r["id"] for r in answer["results"]} == wanted
    assert (answer["total"], answer["total_relation"]) == (len(wanted), "eq")


def test_named_channels_alone_are_asked(client):
    answer = search(client, query="火锅", channels=["lexical"])
    assert [c["name"] for c in answer["channels"]] == ["lexical"]
    assert all(list(r["channels"]) == ["lexical"] for r in answer["results"])


def test_a_query_that_nothing_matches_is_an_empty_answer_not_an_error(client):
    answer = search(client, query="zzzzqqqq", channels=["lexical"])
    assert (answer["results"], answer["total"], answer["degraded"]) == ([], 0, [])


def test_a_document_is_shown_by_its_id(client):
    shown = client.get("/v1/documents/d7").json()
    assert shown["id"] == "d7"
    assert shown["document"]["title"] == ROWS[7]["title"]
    assert shown["snapshot_id"] == SNAPSHOT_ID


def test_the_metrics_page_counts_searches_and_names_no_person_and_no_query(client):
    search(client, query="独一无二", user_id="somebody")
    page = client.get("/metrics").text
    assert 'duolu_requests_total{route="/v1/search",status="200"}' in page
    assert 'duolu_channel_total{channel="lexical",status="ok"}' in page
    assert 'duolu_stage_seconds_count{stage="recall"}' in page
    assert SNAPSHOT_ID in page
    assert "somebody" not in page
    assert "独一无二" not in page


def test_every_request_is_one_json_line_without_the_query(client, caplog):
    with caplog.at_level("INFO", "duolu.request"):
        params = {"q": "oneofakind", "user_id": "somebody"}
        request_id = client.get("/v1/search", params=params).json()["request_id"]
    lines = [r.message for r in caplog.records if r.name == "duolu.request"]
    line = orjson.loads(next(text for text in lines if request_id in text))
    assert line["route"] == "/v1/search"
    assert line["status"] == 200
    assert line["snapshot_id"] == SNAPSHOT_ID
    assert "oneofakind" not in str(line)
    assert "somebody" not in str(line)


def test_the_description_lists_every_call(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        "/v1/search", "/v1/explain", "/v1/trace/{request_id}", "/v1/documents",
        "/v1/documents/{document_id}",
        "/v1/snapshots", "/v1/releases", "/v1/releases/{release_id}",
        "/v1/releases/{release_id}/activate", "/livez", "/readyz",
        "/metrics", "/v1/events", "/v1/users/{user_id}", "/v1/suggest", "/v1/trending",
    }  # fmt: skip
    assert client.get("/docs").status_code == 200
