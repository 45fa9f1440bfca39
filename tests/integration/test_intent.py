"""What a query leads to, through the whole service: said where it is asked for, given places."""

from __future__ import annotations

import httpx
import pytest

from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.behaviour import make_sessions
from tests.builders.learned import publish_learned
from tests.builders.releases import make_wide_release
from tests.builders.servers import SNAPSHOT_ID, gateway, publish_snapshot

ROWS = {row["id"]: row for row in city_rows(150)}
RELEASE = "20260101T000001Z-wide"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intent")
    publish_snapshot([*ROWS.values()], folder)
    snapshot = open_snapshot(folder / "snapshots" / SNAPSHOT_ID)
    publish_learned(folder, snapshot, make_sessions(snapshot))
    make_wide_release(snapshot, ArtifactStore(folder / "models" / "lambdarank", "release"), RELEASE)
    return folder


@pytest.fixture(scope="module")
def client(data):
    with gateway(data, "trace.share=0") as client:
        yield client


def ask(client: httpx.Client, path: str = "search", **body) -> dict:
    answer = client.post(f"/v1/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_search_that_is_explained_says_what_the_query_leads_to(client):
    said = ask(client, query="garden", explain=True)["query"]["intent"]
    assert set(said) == {"category", "tags", "brand"}
    for field, intent in said.items():
        shares = [one["probability"] for one in intent["values"]]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= intent["known"] + 1e-3 <= 1.001
        held = {v for row in ROWS.values() for v in [row[field]] if isinstance(v, str)} | {
            v for row in ROWS.values() if isinstance(row[field], list) for v in row[field]
        }
        assert {one["value"] for one in intent["values"]} <= held
    assert "intent" not in ask(client, query="garden")["query"]


def test_of_a_query_that_nobody_typed_it_says_nothing(client):
    assert ask(client, query="qqzz 无人", explain=True)["query"]["intent"] == {}


def test_explanations_and_traces_say_the_same(client):
    answer = ask(client, query="garden", explain=True, trace=True)
    said = answer["query"]["intent"]
    one = answer["results"][0]["id"]
    assert ask(client, "explain", query="garden", id=one)["query"]["intent"] == said
    trace = client.get(f"/v1/trace/{answer['request_id']}").json()
    assert trace["understood"]["intent"] == said


def test_the_model_reads_it(client):
    [first, *_] = ask(client, query="garden", explain=True)["results"]
    values = {f["name"]: f["value"] for f in first["explain"]["features"]}
    said = ask(client, query="garden", explain=True)["query"]["intent"]["category"]
    shares = {one["value"]: one["probability"] for one in said["values"]}
    category = ROWS[first["id"]]["category"]
    assert values["intent(category)"] == pytest.approx(shares[category], abs=1e-3)


def test_places_are_kept_for_it_where_that_is_configured_and_scores_stay(data, client):
    plain = ask(client, query="garden", limit=50)["results"]
    said = ask(client, query="garden", explain=True)["query"]["intent"]["category"]["values"]
    with gateway(data, "select.intent.strength=0.7") as kept:
        arranged = ask(kept, query="garden", limit=50)["results"]
    assert {r["id"]: r["score"] for r in plain} == {r["id"]: r["score"] for r in arranged}
    assert [r["id"] for r in plain] != [r["id"] for r in arranged]

    def behind(results, places):
        """How many places are lacking that are due and could be filled."""
        held = [ROWS[r["id"]]["category"] for r in results]
        return sum(
            max(0, min(int(0.7 * share * places), held.count(value)) - held[:places].count(value))
            for value, share in ((one["value"], one["probability"]) for one in said)
        )

    assert [behind(arranged, n) for n in (10, 20, 30)] == [0, 0, 0]
    assert any(behind(plain, n) for n in (10, 20, 30))
