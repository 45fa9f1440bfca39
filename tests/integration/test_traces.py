"""Traces: a search stage by stage, kept for who asks, shown by any process, gone after a while."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace

import httpx
import orjson
import pytest
from prometheus_client import CollectorRegistry, Counter

from app.corpus.trace_files import FOLDER, TraceFiles
from app.domain.query import Deadline
from app.online.gateway.tracing import EXPLAINED, SAMPLED, Tracing
from app.query.understand import SearchRequest
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.releases import WIDE, make_wide_release
from tests.builders.servers import SNAPSHOT_ID, gateway, make_engine, publish_snapshot

RELEASE = "20260101T000001Z-wide"
ASKED = {"query": "brand3 火锅 100元以下", "location": {"lat": 31.2, "lon": 121.4}, "limit": 5}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(200), directory)
    store = ArtifactStore(directory / "models" / "lambdarank", "release")
    make_wide_release(open_snapshot(directory / "snapshots" / SNAPSHOT_ID), store, RELEASE)
    return directory


@pytest.fixture(scope="module")
def client(data):
    with gateway(data, "trace.share=0") as client:
        yield client


def search(client: httpx.Client, **asked) -> dict:
    answer = client.post("/v1/search", json={**ASKED, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


def trace(client: httpx.Client, request_id: str) -> dict:
    answer = client.get(f"/v1/trace/{request_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_search_that_asks_for_it_is_kept_stage_by_stage(client):
    answer = search(client, trace=True, user_id="somebody")
    told = trace(client, answer["request_id"])
    assert told["kept"] == "asked"
    for key in ("request_id", "snapshot_id", "log_seq", "tables_id", "release_id"):
        assert told[key] == answer[key]
    [mention, *_] = told["understood"]["mentions"]
    assert {"field": "brand", "value": "brand3"} in mention["options"]
    assert told["understood"]["quantities"] == [
        {"clause": {"price": {"lte": 100.0}}, "is_must": False}
    ]
    assert {c["name"]: c["status"] for c in told["channels"]} == {
        c["name"]: c["status"] for c in answer["channels"]
    }
    assert [r["id"] for r in told["selected"]["results"]] == [r["id"] for r in answer["results"]]


def test_each_stage_of_a_trace_leads_to_the_next(client):
    answer = search(client, trace=True)
    told = trace(client, answer["request_id"])
    hits = {c["name"]: [h["id"] for h in c["hits"]] for c in told["channels"]}
    for result in answer["results"]:
        for name, channel in result["channels"].items():
            assert hits[name][channel["rank"] - 1] == result["id"]
    merged = [c["id"] for c in told["merged"]]
    assert set(merged) == {i for ids in hits.values() for i in ids}
    assert all(merged[c["merged_rank"] - 1] == c["id"] for c in told["ranked"])
    scores = [c["score"] for c in told["ranked"]]
    assert scores == sorted(scores, reverse=True)
    for result, entry in zip(answer["results"], told["ranked"], strict=False):
        assert entry["id"] == result["id"]
        assert {f["name"] for f in entry["features"]} == set(WIDE)
        added = sum(f["contribution"] for f in entry["features"])
        assert entry["base_score"] + added == pytest.approx(entry["score"], abs=1e-6)


def test_no_id_that_was_sent_stands_in_a_trace(client):
    answer = search(client, trace=True, user_id="somebody", client_id="a phone")
    told = trace(client, answer["request_id"])
    assert "somebody" not in str(told)
    assert "a phone" not in str(told)


def test_a_search_that_is_explained_is_kept_too_and_one_that_does_not_ask_is_not(client):
    explained = search(client, explain=True)
    assert trace(client, explained["request_id"])["kept"] == "explained"
    plain = search(client)
    assert client.get(f"/v1/trace/{plain['request_id']}").status_code == 404


def test_an_explained_document_leads_to_the_trace_of_its_search(client):
    told = client.post("/v1/explain", json={**ASKED, "id": "d1"}).json()
    assert trace(client, told["request_id"])["kept"] == "explained"


def test_a_sorted_list_and_a_later_page_are_kept_like_others(client):
    first = search(client, sort="price", trace=True, limit=2)
    assert trace(client, first["request_id"])["selected"]["sort"] == ["price"]
    page = search(client, query="tea", limit=2)
    later = search(client, query="tea", limit=2, cursor=page["next_cursor"], trace=True)
    told = trace(client, later["request_id"])
    assert [r["id"] for r in told["selected"]["results"]] == [r["id"] for r in later["results"]]


def test_every_search_of_the_sample_is_found_by_another_process(data, client):
    with gateway(data, "trace.share=1") as other:
        request_id = search(other)["request_id"]
        until = time.monotonic() + 20
        while client.get(f"/v1/trace/{request_id}").status_code == 404 and time.monotonic() < until:
            time.sleep(0.02)
        assert trace(client, request_id)["kept"] == "sampled"


@pytest.mark.parametrize("request_id", ["0" * 16, "nothing", "..%2F..%2Fidentity", "%00", "火锅"])
def test_a_trace_that_is_not_there_is_a_404_with_a_remedy(client, request_id):
    answer = client.get(f"/v1/trace/{request_id}")
    assert answer.status_code == 404
    assert answer.json()["remedy"]


def test_a_trace_that_is_too_old_or_cut_short_is_no_trace(data, client):
    request_id = search(client, trace=True)["request_id"]
    [file] = (data / FOLDER).glob(f"{request_id}*")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert client.get(f"/v1/trace/{request_id}").status_code == 404
    file.write_bytes(whole)
    assert trace(client, request_id)
    os.utime(file, (0, 0))
    answer = client.get(f"/v1/trace/{request_id}")
    assert answer.status_code == 404
    assert "60 minutes" in answer.json()["limit"]


def test_who_asks_for_a_trace_waits_no_longer_than_the_search_may(data, tmp_path):
    engine = make_engine(data)
    outcomes = Counter("outcomes", "", ["outcome"], registry=CollectorRegistry())
    tracing = Tracing(TraceFiles(tmp_path / "traces", 9, 60.0), 1.0, outcomes)

    async def kept(why: str) -> dict:
        answer = await engine.search(SearchRequest("火锅", limit=5))
        late = replace(answer, ctx=replace(answer.ctx, deadline=Deadline(0)))
        await tracing.keep(late, why)
        written = tracing.files.read(answer.ctx.request_id, time.time())
        assert written is not None
        return orjson.loads(written)["ranked"][0]

    try:
        assert "features" not in asyncio.run(kept(EXPLAINED))
        assert asyncio.run(kept(SAMPLED))["features"]  # nobody waits
    finally:
        engine.close()


def test_a_disk_that_takes_no_trace_costs_the_answer_nothing(tmp_path):
    publish_snapshot(city_rows(50), tmp_path)
    (tmp_path / FOLDER).write_text("no folder")
    with gateway(tmp_path, "trace.share=1") as client:
        assert search(client)["degraded"] == []
        assert search(client, trace=True)["degraded"] == ["trace:failed"]


def test_only_who_has_the_key_may_keep_and_see_traces(data):
    with gateway(data, key="sesame") as client:
        allowed = {"Authorization": "Bearer sesame"}
        assert client.post("/v1/search", json={**ASKED, "trace": True}).status_code == 401
        kept = client.post("/v1/search", json={**ASKED, "trace": True}, headers=allowed).json()
        path = f"/v1/trace/{kept['request_id']}"
        assert client.get(path).status_code == 401
        assert client.get(path, headers=allowed).status_code == 200


def test_the_newest_traces_are_kept_and_the_oldest_deleted(tmp_path):
    files = TraceFiles(tmp_path, keep=3, keep_s=100.0)
    names = [f"{i:016x}" for i in range(6)]
    for at_s, name in enumerate(names):
        files.write(name, b"{}")
        os.utime(tmp_path / f"{name}.json.gz", (at_s, at_s))
    (tmp_path / ".left by a crash").touch()
    os.utime(tmp_path / ".left by a crash", (0, 0))
    assert files.prune(now_s=10.0) == 4
    assert [n for n in names if files.read(n, 10.0) is not None] == names[3:]
    assert files.prune(now_s=104.5) == 2
    assert files.prune(now_s=1e9) == 1
    assert list(tmp_path.iterdir()) == []
