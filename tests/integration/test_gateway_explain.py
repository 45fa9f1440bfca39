"""Why a result stands where it stands: told on request, by either kind of ranker."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import orjson
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.rank_calls import make_call
from tests.builders.releases import WIDE, make_wide_release
from tests.builders.servers import SNAPSHOT_ID, gateway, publish_snapshot, ranker
from tests.builders.snapshots import CONFIG

RELEASE = "20260101T000001Z-wide"
ASKED = {"query": "火锅", "limit": 5, "explain": True, "location": {"lat": 31.2, "lon": 121.4}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(60), directory)
    store = ArtifactStore(directory / "models" / "lambdarank", "release")
    make_wide_release(open_snapshot(directory / "snapshots" / SNAPSHOT_ID), store, RELEASE)
    return directory


@pytest.fixture(scope="module")
def client(data) -> Iterator[httpx.Client]:
    with gateway(data) as client:
        yield client


def test_each_result_says_what_each_feature_adds_to_its_score(client):
    answer = client.post("/v1/search", json=ASKED).json()
    assert len(answer["results"]) == 5
    for result in answer["results"]:
        why = result["explain"]
        assert {f["name"] for f in why["features"]} == set(WIDE)
        added = [f["contribution"] for f in why["features"]]
        assert [abs(c) for c in added] == sorted((abs(c) for c in added), reverse=True)
        assert why["base_score"] + sum(added) == pytest.approx(result["score"], abs=1e-6)
    assert client.get("/v1/search", params={"q": "火锅"}).json()["results"][0].keys() == (
        answer["results"][0].keys() - {"explain", "distance_km"}
    )


def test_a_gateway_explains_by_the_ranker_service_as_by_itself(data, client):
    with ranker(data) as service, gateway(data, f"rank.url={service.base_url}") as far:
        there, here = (c.post("/v1/search", json=ASKED).json() for c in (far, client))
    assert not there["degraded"]
    assert there["results"] == here["results"]


def test_where_no_model_ranked_nothing_is_explained(tmp_path):
    publish_snapshot(city_rows(30), tmp_path)
    with gateway(tmp_path) as client:
        answer = client.post("/v1/search", json=ASKED).json()
    assert answer["release_id"] is None
    assert all("explain" not in result for result in answer["results"])


def test_only_who_has_the_key_is_told_why(data):
    with gateway(data, key="sesame") as client:
        assert client.post("/v1/search", json=ASKED).status_code == 401
        allowed = {"Authorization": "Bearer sesame"}
        assert client.post("/v1/search", json=ASKED, headers=allowed).status_code == 200
        assert client.post("/v1/search", json={**ASKED, "explain": False}).status_code == 200


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"explain": "yes"}, "explain"), ({"explain": True, "features": 51}, "features"),
     ({"explain": True, "features": 1, "against": 99}, "against"),
     ({"against": "first"}, "against")],
)  # fmt: skip
def test_a_ranker_names_what_it_cannot_explain(data, changed, field):
    from app.rank.call import encode_call
    from app.rank.wire import CALL
    from tests.builders.whole_frames import pack, unpack

    ctx, candidates = make_call(open_snapshot(data / "snapshots" / SNAPSHOT_ID), RELEASE)
    header, arrays = unpack(encode_call(ctx, candidates, 1e4), CALL)
    with ranker(data) as client:
        answer = client.post(
            "/v1/rank", content=pack(CALL, {**header, **changed}, arrays),
            headers={"Content-Type": "application/octet-stream"},
        )  # fmt: skip
    assert answer.status_code == 400, answer.text
    assert answer.json()["field"] == field


def test_the_shell_prints_what_moved_each_result(data):
    where = ["--data", str(data), "--models", str(data / "models"), "--config", str(CONFIG)]
    asked = ["search", "火锅", "--limit", "2", "--explain", *where]
    printed = CliRunner().invoke(app, asked)
    assert printed.exit_code == 0, printed.output
    assert printed.output.count("all others") == 2
    told = orjson.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    for result in told["results"]:
        added = sum(f["contribution"] for f in result["explain"]["features"])
        assert result["explain"]["base_score"] + added == pytest.approx(result["score"], abs=1e-6)
