"""Candidates that a model cannot tell apart stay as the merge had them, whoever looks at them.

Everything here is asked of a model that gives all documents one score: what it orders must be what
is served without any model.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

from app.corpus.impression_log import read_impressions
from app.offline.evaluate import Variant, measure
from app.offline.judged import Judged
from app.offline.timeline import Timeline
from app.query.understand import SearchRequest
from app.rank.local import LocalRanker
from app.rank.release import open_release
from app.settings import Settings
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from app.snapshot.tables import Tables
from tests.builders import NOW_MS, city_rows
from tests.builders.releases import make_release
from tests.builders.servers import SNAPSHOT_ID, gateway, publish_snapshot, ranker
from tests.builders.snapshots import CONFIG
from tests.builders.waiting import until

FLAT = "20260101T000001Z-flat"
ASKED = {"query": "火锅 garden", "location": {"lat": 31.2, "lon": 121.4}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A release that knows nothing stands there, and none serves: fused order is the default."""
    directory = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(400), directory)
    store = ArtifactStore(directory / "models" / "lambdarank", "release")
    make_release(open_snapshot(directory / "snapshots" / SNAPSHOT_ID), store, FLAT, "price", 0.0)
    return directory


@pytest.fixture(scope="module", params=["in process", "by a service"])
def client(request, data) -> Iterator[httpx.Client]:
    if request.param == "in process":
        with gateway(data) as client:
            yield client
        return
    with ranker(data) as service, gateway(data, f"rank.url={service.base_url}") as client:
        yield client


def search(client: httpx.Client, **asked) -> dict:
    answer = client.post("/v1/search", json={**ASKED, "limit": 100, **asked})
    assert answer.status_code == 200, answer.text
    assert not answer.json()["degraded"]
    return answer.json()


def ids(answer: dict) -> list[str]:
    return [r["id"] for r in answer["results"]]


def test_the_model_says_the_same_of_all(client):
    told = search(client, release=FLAT)
    assert told["release_id"] == FLAT
    assert len(told["results"]) == 100
    assert len({r["score"] for r in told["results"]}) == 1


@pytest.mark.parametrize(
    "asked",
    [{}, {"group_by": "brand"}, {"offset": 30, "limit": 20}, {"query": "", "filters": {}},
     {"query": "", "filters": {"category": "火锅"}}],
)  # fmt: skip
def test_it_serves_what_is_served_without_a_model(client, asked):
    flat, fused = search(client, release=FLAT, **asked), search(client, **asked)
    assert fused["release_id"] is None
    assert ids(flat) == ids(fused)


def test_ten_pages_of_ten_are_the_first_hundred(client):
    answer = search(client, release=FLAT, limit=10)
    found = ids(answer)
    while len(found) < 100:
        answer = search(client, release=FLAT, limit=10, cursor=answer["next_cursor"])
        found += ids(answer)
    assert found == ids(search(client))


def test_a_trace_shows_the_ranked_as_they_were_merged(client):
    answer = search(client, release=FLAT, trace=True)
    told = client.get(f"/v1/trace/{answer['request_id']}").json()
    merged = [c["id"] for c in told["merged"]]
    assert [c["id"] for c in told["ranked"]] == merged
    assert ids(answer) == merged[:100]


def test_each_document_is_explained_at_the_rank_that_it_is_served_at(client):
    served = ids(search(client))
    for rank in (1, 7, 30):
        told = client.post(
            "/v1/explain", json={**ASKED, "release": FLAT, "id": served[rank - 1], "limit": 10}
        ).json()
        assert told["rank"] == rank
    assert "equal ones stay as merged" in told["detail"]


def test_rules_and_diversity_begin_with_the_merged_order(data):
    boost = '[{"name": "a", "action": "boost", "factor": 2.0, "documents": {"brand": "none"}}]'
    with gateway(data, f"rules={boost}") as client:
        assert ids(search(client, release=FLAT)) == ids(search(client))


def test_a_shadow_that_says_nothing_ranks_as_was_merged(data):
    with gateway(data, f"rank.shadow={FLAT}") as client:
        until(lambda: client.get("/v1/releases").json()["standby"][0]["ready"])
        request_id = search(client)["request_id"]
        until(lambda: 'shadow_total{outcome="scored"} 1' in client.get("/metrics").text)
    [one] = [i for i in read_impressions(data / "impressions") if i.request_id == request_id]
    assert one.shadow_release_id == FLAT
    assert one.shadow_ranks[: one.shown].tolist() == list(range(1, 101))


def test_what_is_measured_offline_is_the_order_that_is_served(data):
    snapshot = open_snapshot(data / "snapshots" / SNAPSHOT_ID)
    settings = Settings.load(CONFIG, environment={})
    timeline = Timeline(settings, snapshot, Tables.empty(len(snapshot)), None, 2)
    ids = snapshot.documents.ids.strings
    rng = np.random.default_rng(3)
    asked = [
        Judged(text, SearchRequest(text=text), NOW_MS, dict.fromkeys(rng.choice(ids, 30), 1), False)
        for text in ("火锅 garden", "north tea", "酒店 海景")
    ]
    with ThreadPoolExecutor(1) as threads:
        flat = LocalRanker.of(open_release(data / "models" / "lambdarank" / FLAT), threads)
        variants = [Variant("flat", flat), Variant("fused")]
        found = measure(asked, timeline, variants, ("nDCG@10", "AP"), 7).evaluations
    for metric, values in found["fused"].values.items():
        assert values.tolist() == found["flat"].values[metric].tolist()
        assert values.any()
