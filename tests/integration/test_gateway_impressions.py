"""What a gateway logs of the searches that it answers, read back from the files."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from app.corpus.impression_log import read_impressions
from app.domain.candidates import CandidateSet
from app.domain.query import Deadline
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.online.gateway.main import create_app
from app.pipeline.serving import make_context
from app.query.understand import SearchRequest, understand
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.releases import make_wide_release
from tests.builders.servers import (
    SNAPSHOT_ID,
    gateway,
    make_engine,
    publish_snapshot,
    ranker,
    running,
)

RELEASE = "20260101T000001Z-wide"
SEARCHES = (
    {"query": "火锅", "limit": 5},
    {"query": "north garden tea", "limit": 3, "offset": 4, "user_id": "u1", "client_id": "c1"},
    {"query": "老灶 火锅", "location": {"lat": 31.2, "lon": 121.4}, "radius_km": 80.0},
    {"query": "", "filters": {"price": {"lte": 300}}, "limit": 8},
    {"query": "火锅 tea", "limit": 60},
)


@pytest.fixture
def data(tmp_path):
    publish_snapshot(city_rows(120), tmp_path)
    store = ArtifactStore(tmp_path / "models" / "lambdarank", "release")
    make_wide_release(open_snapshot(tmp_path / "snapshots" / SNAPSHOT_ID), store, RELEASE)
    return tmp_path


def logged(data):
    """Every impression by request id, and no file that cannot be read."""
    broken: list[str] = []
    found = read_impressions(data / "impressions", broken=lambda f, why: broken.append(why))
    by_id = {i.request_id: i for i in found}
    assert not broken
    return by_id


def search_all(client, searches=SEARCHES):
    answers = [client.post("/v1/search", json=s) for s in searches]
    assert [a.status_code for a in answers] == [200] * len(searches)
    return [a.json() for a in answers]


def recomputed(impression, engine):
    """The features of a logged row, made anew from the artifacts and the logged facts."""
    serving = engine.acquire()
    asked = SearchRequest(
        text=impression.text, user_id=impression.user_id, client_id=impression.client_id,
        origin=impression.origin, radius_km=impression.radius_km, filters=impression.filters,
    )  # fmt: skip
    query = understand(asked, serving.snapshot, impression.now_ms)
    assert query.terms == impression.terms
    ctx = make_context(serving, query, Deadline.after_ms(60_000), impression.release_id)
    rows = serving.snapshot.documents.ids.find_all(list(impression.ids)).astype(np.int32)
    candidates = CandidateSet(
        rows, impression.fused, impression.channels, impression.hit_scores, impression.hit_ranks
    )
    features = FeatureSet(CATALOG, impression.feature_names)
    inputs = gather(features.inputs, ctx, candidates, impression.lists)
    return features.matrix(inputs, rows.size)


def check_against(answer, impression, data):
    engine = make_engine(data)
    page = [hit["id"] for hit in answer["results"]]
    assert list(impression.shown_ids) == page
    assert impression.release_id == RELEASE
    assert np.float32([hit["score"] for hit in answer["results"]]).tobytes() == (
        impression.scores[: impression.shown].tobytes()
    )
    sample = impression.ids[impression.shown :]
    assert len(set(impression.ids)) == len(impression.ids)
    assert len(sample) <= 10
    known = impression.has_features
    assert recomputed(impression, engine)[known].tobytes() == impression.features[known].tobytes()
    model = engine.local_ranker(RELEASE, engine.acquire().snapshot).model
    assert model.predict(impression.features[known]).tobytes() == impression.scores[known].tobytes()
    engine.close()


def test_what_only_asks_for_the_head_of_an_answer_is_no_impression(data):
    path = "/v1/search?q=火锅&client_id=monitor"
    with gateway(data) as client:
        for headers in ({}, {"Origin": "https://shop.example"}):
            assert client.head(path, headers=headers).status_code == 200
        shown = client.get("/v1/search?q=火锅").json()["request_id"]
    assert list(logged(data)) == [shown]


def test_a_search_is_logged_as_it_was_ranked_and_shown(data):
    with gateway(data) as client:
        answers = search_all(client)
    found = logged(data)
    assert list(found) == [a["request_id"] for a in answers]
    for asked, answer in zip(SEARCHES, answers, strict=True):
        impression = found[answer["request_id"]]
        check_against(answer, impression, data)
        assert impression.has_features.all()
        unshown = len(impression.ids) - impression.shown
        assert unshown == 10 or (unshown < 10 and asked["limit"] == 60)  # of 120 documents
        assert (impression.limit, impression.offset) == (
            asked.get("limit", 10),
            asked.get("offset", 0),
        )
        assert (impression.filters, impression.radius_km) == (
            asked.get("filters"), asked.get("radius_km"),
        )  # fmt: skip
        assert impression.snapshot_id == answer["snapshot_id"]
        assert impression.lists["list_size"] >= len(impression.ids)


def test_a_ranker_elsewhere_gives_the_log_the_same_bits(data):
    with (
        ranker(data) as service,
        gateway(data, f"rank.url={service.base_url}") as client,
    ):
        answers = search_all(client)
    found = logged(data)
    for answer in answers:
        check_against(answer, found[answer["request_id"]], data)
    first, *_, last = (found[a["request_id"]] for a in answers)
    assert first.has_features.all()
    assert not last.has_features.all()  # its page goes beyond the best 50
    assert last.has_features[:50].all()
    assert np.isnan(last.features[~last.has_features]).all()


def test_fused_order_is_logged_without_features(data):
    with gateway(data, "rank.model=none") as client:
        (answer,) = search_all(client, SEARCHES[:1])
    [impression] = logged(data).values()
    assert (impression.release_id, impression.feature_names) == (None, ())
    assert impression.features.shape == (len(impression.ids), 0)
    assert not impression.has_features.any()
    assert impression.scores.tobytes() == impression.fused.tobytes()
    assert len(impression.shown_ids) == len(answer["results"])


def test_only_what_a_caller_was_shown_is_logged(data):
    with gateway(data, "channels.geo.kind=tests.builders.servers:FailingChannel") as client:
        nothing = client.get("/v1/search", params={"q": "qqqqzzzz", "channels": "lexical"})
        client.get("/v1/search", params={"q": "火锅", "limit": "0"})
        strict = client.get(
            "/v1/search", params={"q": "火锅", "strict": "true", "lat": 31, "lon": 121}
        )
        client.get("/v1/documents/d0")
    assert strict.status_code == 503
    [impression] = logged(data).values()
    assert impression.request_id == nothing.json()["request_id"]
    assert (impression.ids, impression.shown) == ((), 0)


def test_other_ways_to_search_are_not_logged(data):
    engine = make_engine(data)
    with running(create_app(engine, engine.settings, None)):
        asyncio.run(engine.search(SearchRequest(text="火锅")))
    engine.close()
    assert not logged(data)


@pytest.mark.parametrize("switch", ["impressions.enabled=false", "impressions.sample=0"])
def test_logging_can_be_switched_off(data, switch):
    with gateway(data, switch) as client:
        search_all(client, SEARCHES[:2])
    assert not (data / "impressions").exists()


def test_a_share_of_searches_is_logged(data):
    searches = [SEARCHES[0]] * 60
    with gateway(data, "impressions.sample=0.5") as client:
        search_all(client, searches)
    assert 10 < len(logged(data)) < 50


def test_a_log_that_cannot_be_written_harms_no_search(data):
    (data / "impressions").write_text("a file where the folder would be")
    with gateway(data, "impressions.flush_seconds=0.05") as client:
        search_all(client)
        for _ in range(100):
            page = client.get("/metrics").text
            if 'duolu_impressions_dropped_total{reason="disk"} 5.0' in page:
                break
            search_all(client, ())
        else:
            pytest.fail(page)
        search_all(client)
