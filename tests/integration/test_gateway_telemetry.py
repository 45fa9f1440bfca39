"""What a gateway says of the requests that it answered: metrics, the header, the log line."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.builders import city_rows
from tests.builders.processes import free_port
from tests.builders.servers import gateway, publish_snapshot

STAGES = ["understand", "recall", "merge", "rank", "select"]
PAGE = (Path(__file__).parents[2] / "docs" / "observability.md").read_text("utf-8")
FIELDS = set(re.findall(r"`(\w+)`", PAGE[PAGE.index("## The log line") :]))


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(40), directory)
    with gateway(directory) as client:
        yield client


def value(client, name: str, **labels: str) -> float:
    """One sample of the metrics page; 0 where it is not there."""
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return 0.0


def lines_of(caplog, ask) -> list[dict]:
    with caplog.at_level("INFO", "duolu.request"):
        ask()
    return [orjson.loads(r.message) for r in caplog.records if r.name == "duolu.request"]


def test_a_search_says_its_times_in_a_header(client):
    answer = client.post("/v1/search", json={"query": "火锅"})
    times = dict(re.findall(r"(\w+);dur=([\d.]+)", answer.headers["server-timing"]))
    assert list(times) == [*STAGES, "total"]
    stages = answer.json()["timings_ms"]
    assert {stage: float(times[stage]) for stage in STAGES} == stages
    assert float(times["total"]) >= max(stages.values())


def test_an_answer_without_stages_says_its_whole_time(client):
    for path in ("/livez", "/v1/documents/nobody", "/nowhere"):
        header = client.get(path).headers["server-timing"]
        assert re.fullmatch(r"total;dur=\d+\.\d{3}", header)


def test_searches_are_counted_by_what_ordered_them(client):
    before = {
        order: value(client, "duolu_searches_total", order=order)
        for order in ("fused", "sorted", "cursor")
    }
    empty = value(client, "duolu_searches_empty_total")
    page = client.post("/v1/search", json={"query": "tea", "limit": 1}).json()
    client.post("/v1/search", json={"query": "tea", "limit": 1, "cursor": page["next_cursor"]})
    client.post("/v1/search", json={"query": "tea", "sort": "-price"})
    client.post("/v1/search", json={"query": "zzzzqqqq", "channels": ["lexical"]})
    for order, count in before.items():
        more = 2 if order == "fused" else 1
        assert value(client, "duolu_searches_total", order=order) == count + more
    assert value(client, "duolu_searches_empty_total") == empty + 1


def test_a_channel_that_was_asked_is_timed_and_its_rows_are_counted(client):
    name = "duolu_channel_hits_total"
    before = value(client, name, channel="lexical")
    timed = value(client, "duolu_channel_seconds_count", channel="lexical")
    answer = client.post("/v1/search", json={"query": "tea", "channels": ["lexical"]}).json()
    [hits] = [c["hits"] for c in answer["channels"] if c["name"] == "lexical"]
    assert hits
    assert value(client, name, channel="lexical") == before + hits
    assert value(client, "duolu_channel_seconds_count", channel="lexical") == timed + 1


def test_the_page_says_what_serves_how_old_it_is_and_how_far_it_has_read(client):
    assert value(client, "duolu_ready") == 1
    made = value(client, "duolu_created_timestamp_seconds", artifact="snapshot")
    assert made == 1_767_225_600  # 20260101T000000Z
    assert 0 <= value(client, "duolu_log_lag_seconds", log="documents") < 60
    assert 0 <= value(client, "duolu_log_lag_seconds", log="events") < 60
    assert value(client, "duolu_data_disk_bytes") > value(client, "duolu_data_free_bytes") > 0
    assert value(client, "process_resident_memory_bytes") > 1e6


def test_a_log_that_was_never_read_to_its_end_lags_since_the_start(tmp_path):
    publish_snapshot(city_rows(20), tmp_path)
    with gateway(tmp_path, f"state.url=redis://127.0.0.1:{free_port()}") as client:
        assert value(client, "duolu_log_lag_seconds", log="events") > 0


def test_every_field_of_a_log_line_is_documented(client, caplog):
    event = {"action_name": "click", "timestamp": "2026-01-31T12:00:00Z", "client_id": "p"}
    event["event_attributes"] = {"object": {"object_id": "d1"}}

    def ask() -> None:
        client.post("/v1/search", json={"query": "tea"})
        client.get("/v1/search?q=tea&limit=0")
        client.get("/nowhere")
        client.post("/v1/events", json=event)
        client.put("/v1/documents/x", json={"title": "new"})
        client.post("/v1/documents", json=[{"id": "y", "title": "new"}])
        client.post("/v1/explain", json={"query": "tea", "id": "d1"})
        client.get("/v1/suggest?q=te")
        client.get("/v1/trending")
        client.delete("/v1/users/somebody")

    lines = lines_of(caplog, ask)
    assert [line["status"] for line in lines] == [200, 400, 404, *[200] * 7]
    assert {field for line in lines for field in line} <= FIELDS
    assert [line.get("problem") for line in lines[:3]] == [None, "invalid-query", "not-found"]
    assert {line["service"] for line in lines} == {"gateway"}


def test_asking_for_health_leaves_no_line(client, caplog):
    assert lines_of(caplog, lambda: [client.get(p) for p in ("/livez", "/readyz")]) == []
