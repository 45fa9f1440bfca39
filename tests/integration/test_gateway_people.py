"""What a gateway knows people by: their own ids stay at the door."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from app.corpus.identity import FILE, Identities
from app.corpus.impression_log import read_impressions
from app.offline.workflow import import_log, refresh_tables
from app.offline.workplace import Workplace
from app.settings import Settings
from tests.builders import city_rows
from tests.builders.databases import PostgreSQL
from tests.builders.people import holders
from tests.builders.requests import NOW_MS
from tests.builders.servers import gateway, publish_snapshot
from tests.builders.snapshots import CONFIG
from tests.builders.waiting import until

ANN = "ann-4711@example.org"
PHONE = "anns-phone-0815"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    publish_snapshot(city_rows(60), tmp_path)
    return Workplace(Settings.load(CONFIG, environment={}), tmp_path, tmp_path / "models")


def learn_that_ann_clicked(place: Workplace, file: Path) -> str:
    clicked = place.snapshot().documents.ids.strings[7]
    event = {
        "action_name": "purchase", "timestamp": NOW_MS, "client_id": PHONE, "user_id": ANN,
        "event_attributes": {"object": {"object_id": clicked}},
    }  # fmt: skip
    file.write_text(json.dumps(event))
    import_log(place, [str(file)], [], NOW_MS)
    refresh_tables(place, place.snapshot(), NOW_MS + 1)
    file.unlink()
    return clicked


def test_a_history_is_found_by_the_id_and_kept_by_the_pseudonym(place: Workplace) -> None:
    clicked = learn_that_ann_clicked(place, place.data / "events.jsonl")
    with gateway(place.data) as client:
        for who in ({"user_id": ANN}, {"client_id": PHONE}):
            body = {"channels": ["behaviour", "profile"], "limit": 50, **who}
            answer = client.post("/v1/search", json=body).json()
            assert "identity:unavailable" not in answer["degraded"]
            assert answer["results"][0]["id"] == clicked, who
        stranger = client.post("/v1/search", json={**body, "client_id": ANN}).json()
        assert stranger["results"] == []
    assert holders(place.data, ANN, PHONE) == {FILE}


def test_a_stranger_is_logged_by_a_pseudonym_that_leads_back_to_them(place: Workplace) -> None:
    with gateway(place.data) as client:
        for query in ("火锅", "tea", "garden"):
            client.post("/v1/search", json={"query": query, "user_id": ANN, "client_id": PHONE})
    logged = list(read_impressions(place.data / "impressions"))
    [user] = {i.user_id for i in logged} - {None}  # nobody, where the machine was too busy to ask
    [device] = {i.client_id for i in logged} - {None}
    identities = Identities.open(place.data)
    assert identities.find([f"user:{ANN}", f"client:{PHONE}"]) == {
        f"user:{ANN}": user,
        f"client:{PHONE}": device,
    }
    identities.close()
    assert holders(place.data, ANN, PHONE) <= {FILE, f"{FILE}-wal"}


def test_searches_that_are_not_logged_leave_no_trace_of_who_asked(place: Workplace) -> None:
    with gateway(place.data, "impressions.enabled=false") as client:
        answer = client.post("/v1/search", json={"query": "火锅", "user_id": ANN})
    assert answer.json()["results"]
    assert holders(place.data, ANN) == set()


@pytest.mark.parametrize("bad", ["", "x" * 257, "a\0b"])
def test_an_id_that_cannot_be_kept_is_refused_at_the_door(place: Workplace, bad: str) -> None:
    with gateway(place.data) as client:
        answer = client.post("/v1/search", json={"query": "火锅", "client_id": bad})
    assert answer.status_code == 400
    assert answer.json()["field"] == "client_id"


def test_a_store_that_is_no_store_costs_the_name_and_not_the_search(place: Workplace) -> None:
    (place.data / FILE).write_bytes(b"not a database" * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(place.data / FILE).execute("SELECT * FROM sqlite_master")
    with gateway(place.data) as client:
        answer = client.post("/v1/search", json={"query": "火锅", "user_id": ANN}).json()
        nobody = client.post("/v1/search", json={"query": "火锅"}).json()
    assert answer["results"]
    assert "identity:unavailable" in answer["degraded"]
    assert "identity:unavailable" not in nobody["degraded"]
    logged = read_impressions(place.data / "impressions")
    assert {i.user_id for i in logged} == {None}


def test_a_server_that_stops_costs_the_name_until_it_is_back(
    place: Workplace, postgresql: PostgreSQL
) -> None:
    url = postgresql.new_database()
    body = {"query": "火锅", "user_id": ANN}
    with gateway(place.data, f"store.url={url}") as client:

        def degraded() -> list[str]:
            answer = client.post("/v1/search", json=body).json()
            assert answer["results"]
            return list(answer["degraded"])

        assert degraded() == []
        postgresql.stop()
        until(lambda: "identity:unavailable" in degraded())
        postgresql.start()
        until(lambda: degraded() == [])
    assert not (place.data / FILE).exists()
