"""POST /v1/explain and duolu explain: why a document is here, missing, or above another."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import orjson
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows, servers
from tests.builders.releases import WIDE, make_wide_release
from tests.builders.servers import SNAPSHOT_ID, publish_snapshot, ranker
from tests.builders.snapshots import CONFIG
from tests.builders.waiting import until

RELEASE = "20260101T000001Z-wide"
CHANNELS = ("lexical", "vector", "geo", "popular", "structured")
ASKED = {"query": "火锅", "location": {"lat": 31.2, "lon": 121.4}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(400), directory)
    store = ArtifactStore(directory / "models" / "lambdarank", "release")
    make_wide_release(open_snapshot(directory / "snapshots" / SNAPSHOT_ID), store, RELEASE)
    return directory


def gateway(data, *overrides: str, key: str | None = None):
    return servers.gateway(data, *overrides, key=key)


@pytest.fixture(scope="module")
def client(data) -> Iterator[httpx.Client]:
    with gateway(data) as client:
        yield client


@pytest.fixture(scope="module")
def listed(client) -> list[dict]:
    """The first fifty of the search that the tests ask about."""
    return client.post("/v1/search", json={**ASKED, "limit": 50}).json()["results"]


def explain(client: httpx.Client, **asked) -> dict:
    response = client.post("/v1/explain", json={**ASKED, **asked})
    assert response.status_code == 200, response.text
    return response.json()


def test_a_document_of_the_page_is_found_with_what_brought_and_moved_it(client, listed):
    told = explain(client, id=listed[2]["id"])
    assert (told["found"], told["rank"], told["stage"]) == (True, 3, None)
    assert told["score"] == pytest.approx(listed[2]["score"], abs=1e-6)
    returned = {n: c for n, c in told["channels"].items() if c["status"] == "returned"}
    assert {n: c["rank"] for n, c in returned.items()} == {
        n: c["rank"] for n, c in listed[2]["channels"].items()
    }
    assert {f["name"] for f in told["features"]} == set(WIDE)
    added = sum(f["contribution"] for f in told["features"])
    assert told["base_score"] + added == pytest.approx(told["score"], abs=1e-6)


def test_the_difference_of_two_is_told_by_feature_and_sums_to_that_of_their_scores(client, listed):
    other = next(r for r in listed[10:] if r["score"] != listed[0]["score"])
    told = explain(client, id=listed[0]["id"], compare=other["id"])
    assert (told["compare"]["rank"], told["compare"]["stage"]) == (other["rank"], "below_page")
    apart = told["score"] - told["compare"]["score"]
    assert told["score_difference"] == pytest.approx(apart, abs=1e-9)
    assert sum(f["difference"] for f in told["difference"]) == pytest.approx(apart, abs=1e-6)
    assert apart != 0


def test_a_document_on_a_page_before_is_found_and_one_behind_is_below_the_page(client, listed):
    second = {"limit": 10, "offset": 10}
    assert explain(client, id=listed[3]["id"], **second)["found"]
    below = explain(client, id=listed[20]["id"], **second)
    assert (below["stage"], below["rank"]) == ("below_page", 21)


def test_a_filter_that_keeps_a_document_out_is_named_with_what_the_document_has(client, listed):
    document = listed[0]["document"]
    filters = {"price": {"lt": document["price"]}, "not": {"category": document["category"]},
               "in_stock": [document["in_stock"]][0]}  # fmt: skip
    told = explain(client, id=document["id"], filters=filters)
    assert told["stage"] == "filtered"
    assert f'{{"price":{{"lt":{document["price"]}}}}} does not hold: it has' in told["detail"]
    assert '"not"' in told["detail"]
    assert "in_stock" not in told["detail"]


def test_a_document_outside_the_radius_is_filtered_by_it(client, listed):
    far = max(listed, key=lambda r: r.get("distance_km", 0))
    told = explain(client, id=far["id"], radius_km=far["distance_km"] / 2)
    assert told["stage"] == "filtered"
    assert "within_km" in told["detail"]


def test_what_no_channel_returned_has_a_would_be_rank_in_each_that_it_matches(client, data):
    with gateway(data, *(f"channels.{c}.k=5" for c in CHANNELS)) as c:
        told = next(
            t for i in range(400) if (t := explain(c, id=f"d{i}"))["stage"] == "not_recalled"
        )
        wide = explain(client, id=told["id"])
    assert told["score"] is None
    assert told["features"] == []
    for name, channel in told["channels"].items():
        if channel["status"] == "beyond_k":
            assert channel["rank"] > channel["k"] == 5
            assert channel["rank"] == wide["channels"][name]["rank"]
            assert channel["score"] == wide["channels"][name]["score"]
            assert f"{name}: rank {channel['rank']} of 5" in told["detail"]


def test_what_was_recalled_and_not_ranked_is_cut(data):
    with gateway(data, "merge.max_candidates=20") as client:
        stages = [explain(client, id=f"d{i}") for i in range(40)]
    cut = [t for t in stages if t["stage"] == "cut_before_rank"]
    assert cut
    assert all("of which 20 are ranked" in t["detail"] for t in cut)


def test_what_is_pinned_is_not_counted_among_what_was_recalled_and_kept(data):
    narrow = ("merge.max_candidates=8", *(f"channels.{c}.k=5" for c in CHANNELS))
    with gateway(data, *narrow) as client:
        stages = {i: explain(client, id=i, limit=5)["stage"] for i in (f"d{n}" for n in range(60))}
    pinned = next(i for i, stage in stages.items() if stage == "not_recalled")
    pin = {"name": "pin", "action": "pin", "documents": {"id": [pinned]}}
    cut = next(i for i, stage in stages.items() if stage == "cut_before_rank")
    with gateway(data, *narrow, f"rules={orjson.dumps([pin]).decode()}") as client:
        detail = explain(client, id=cut, limit=5)["detail"]
    told = re.fullmatch(
        r"place (\d+) of the merged list, of which 7 are ranked; "
        r"its fused score is (\S+), that of the last kept (\S+)", detail,
    )  # fmt: skip
    assert told, detail
    assert int(told[1]) > 7
    assert float(told[3]) >= float(told[2]) > 0


def test_of_a_group_the_document_that_stands_for_it_is_named(client, listed):
    best, other = next(
        (a, b) for i, a in enumerate(listed) for b in listed[i + 1 :]
        if a["document"]["brand"] == b["document"]["brand"]
        and all(c["document"]["brand"] != a["document"]["brand"] for c in listed[:i])
    )  # fmt: skip
    told = explain(client, id=other["id"], group_by="brand")
    assert told["stage"] == "rule"
    assert repr(best["id"]) in told["detail"]


def test_in_a_sorted_list_it_is_the_words_or_the_page_that_leave_a_document_out(client):
    by_price = client.post("/v1/search", json={**ASKED, "sort": "price", "limit": 60}).json()
    ids = [r["id"] for r in by_price["results"]]
    below = explain(client, id=ids[40], sort="price")
    assert (below["stage"], below["rank"]) == ("below_page", 41)
    unmatched = next(i for i in (f"d{n}" for n in range(400)) if i not in ids)
    assert explain(client, id=unmatched, sort="price")["stage"] == "not_recalled"


@pytest.mark.parametrize("offset", [0, 40])
def test_on_a_sorted_page_however_deep_a_document_is_found_at_its_rank(data, offset):
    page = {**ASKED, "sort": "price", "limit": 5, "offset": offset}
    with gateway(data, "merge.max_candidates=20") as client:
        results = client.post("/v1/search", json=page).json()["results"]
        told = explain(client, id=results[1]["id"], compare=results[0]["id"], **page)
    assert (told["found"], told["rank"]) == (True, offset + 2)
    assert (told["compare"]["found"], told["compare"]["rank"]) == (True, offset + 1)
    assert (told["score"], told["features"], told["difference"]) == (None, [], [])


def test_browsing_without_a_model_what_no_channel_brought_is_found_too(tmp_path):
    publish_snapshot(city_rows(20), tmp_path)
    browsed = {"query": "", "filters": {"price": {"gt": 0}}}
    with gateway(tmp_path, "channels.popular.enabled=false") as client:
        found = client.post("/v1/search", json=browsed).json()["results"]
        assert not any(result["channels"] for result in found)
        asked = {**browsed, "id": found[3]["id"], "compare": found[1]["id"]}
        response = client.post("/v1/explain", json=asked)
    told = response.json()
    assert response.status_code == 200, response.text
    assert (told["found"], told["rank"], told["score_difference"]) == (True, 4, 0)
    assert not any(feature["contribution"] for feature in told["features"])


def test_what_exploration_shows_now_and_then_is_explained_where_it_was_ranked(data, listed):
    always = ("select.exploration.share=1.0", "select.exploration.max_impressions=1e9")
    with gateway(data, *always) as client:
        told = [explain(client, id=listed[i]["id"]) for i in (1, 30)]
    assert [(t["found"], t["rank"]) for t in told] == [(True, 2), (False, 31)]


def test_a_document_that_is_not_there_is_told_from_one_that_was_deleted(tmp_path):
    publish_snapshot(city_rows(20), tmp_path)
    with gateway(tmp_path) as client:
        assert explain(client, id="nowhere")["stage"] == "not_in_snapshot"
        assert client.put("/v1/documents/new", json={"id": "new", "title": "火锅"}).is_success
        assert client.delete("/v1/documents/new").is_success
        until(lambda: explain(client, id="new")["log_seq"] == 2)
        told = explain(client, id="new")
    assert (told["stage"], told["detail"]) == ("deleted", "deleted by change 2 of the document log")


def test_a_gateway_explains_by_the_ranker_service_as_by_itself(data, client, listed):
    with ranker(data) as service, gateway(data, f"rank.url={service.base_url}") as far:
        asked = {"id": listed[0]["id"], "compare": listed[5]["id"]}
        there, here = explain(far, **asked), explain(client, **asked)
    for key in ("degraded", "rank", "score", "features", "difference", "compare"):
        assert there[key] == here[key], key


def test_where_no_model_ranked_scores_are_sums_over_channels(tmp_path):
    publish_snapshot(city_rows(60), tmp_path)
    with gateway(tmp_path) as client:
        results = client.post("/v1/search", json=ASKED).json()["results"]
        told = explain(client, id=results[0]["id"], compare=results[-1]["id"])
    assert told["release_id"] is None
    added = {f["name"]: f["contribution"] for f in told["features"]}
    assert sum(added.values()) == pytest.approx(told["score"], abs=1e-6)
    assert {name for name, part in added.items() if part} <= set(results[0]["channels"])
    apart = sum(f["difference"] for f in told["difference"])
    assert apart == pytest.approx(told["score_difference"], abs=1e-6)


def test_markup_in_a_question_comes_back_as_the_text_that_it_is(client):
    markup = "<script>alert(1)</script>"
    response = client.post("/v1/explain", json={"query": markup, "id": markup})
    assert response.headers["content-type"] == "application/json"
    told = response.json()
    assert (told["query"]["text"], told["id"], told["stage"]) == (markup, markup, "not_in_snapshot")


@pytest.mark.parametrize(
    ("asked", "field"),
    [({}, "id"), ({"id": ""}, "id"), ({"id": 7}, "id"), ({"id": "a\0"}, "id"),
     ({"id": "x" * 257}, "id"), ({"id": "a", "compare": "a"}, "compare"),
     ({"id": "a", "cursor": "abc"}, "cursor"), ({"id": "a", "colour": 1}, "colour"),
     ({"id": "a", "limit": 0}, "limit"), ({"id": "a", "channels": ["x"]}, "channels")],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_names_its_field(client, asked, field):
    response = client.post("/v1/explain", json={**ASKED, **asked})
    assert response.status_code == 400, response.text
    assert response.json()["field"] == field
    assert response.json()["remedy"]


def test_only_who_has_the_key_is_told(data):
    with gateway(data, key="sesame") as client:
        assert client.post("/v1/explain", json={**ASKED, "id": "d1"}).status_code == 401
        headers = {"Authorization": "Bearer sesame"}
        answer = client.post("/v1/explain", json={**ASKED, "id": "d1"}, headers=headers)
        assert answer.status_code == 200


def test_the_shell_says_the_same(data, client, listed):
    a, b = listed[0]["id"], listed[30]["id"]
    where = ["--data", str(data), "--models", str(data / "models"), "--config", str(CONFIG)]
    asked = ["explain", "火锅", a, b, "--lat", "31.2", "--lon", "121.4", *where]
    printed = CliRunner().invoke(app, asked)
    assert printed.exit_code == 0, printed.output
    assert f"{a}  rank 1" in printed.output
    assert f"{b}  below_page: rank 31" in printed.output
    told = orjson.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    here = explain(client, id=a, compare=b)
    assert told["channels"] == here["channels"]
    assert told["difference"] == here["difference"]
