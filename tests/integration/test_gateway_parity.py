"""A real gateway is driven with searches and events; parity finds no value that differs."""

import random
import time
from contextlib import ExitStack

import pytest

from app.corpus.event_log import EventLog
from app.domain.events import Event
from app.features.catalog import CATALOG
from app.offline.recipe import Recipe
from app.offline.workflow import check_parity, refresh_tables
from app.offline.workplace import Workplace
from app.settings import Settings
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.impressions import WORDS
from tests.builders.releases import make_wide_release
from tests.builders.servers import SNAPSHOT_ID, gateway, publish_snapshot, ranker
from tests.builders.snapshots import CONFIG
from tests.builders.waiting import until

SEARCHES = 120
HOUR_MS = 3_600_000
BODIES = (
    {"limit": 5},
    {"limit": 10, "offset": 10},
    {"location": {"lat": 31.2, "lon": 121.4}, "radius_km": 80.0},
    {"filters": {"price": {"lte": 300}}},
    {"limit": 60},
)


@pytest.fixture
def place(tmp_path):
    publish_snapshot(city_rows(150), tmp_path)
    snapshot = open_snapshot(tmp_path / "snapshots" / SNAPSHOT_ID)
    store = ArtifactStore(tmp_path / "models" / "lambdarank", "release")
    make_wide_release(snapshot, store, "20260101T000001Z-wide", every_feature(snapshot))
    return Workplace(Settings.load(CONFIG, environment={}), tmp_path, tmp_path / "models")


def every_feature(snapshot):
    """All that the catalogue of features has over these fields, but for other models."""
    templates = [f"{name}(*)" for name in CATALOG.templates if name != "model"]
    recipe = Recipe(features=(*CATALOG.features, *templates))
    return recipe.feature_names(snapshot.documents.schema, tuple(snapshot.manifest["channels"]))


def drive(client, chance, n=SEARCHES):
    answers = []
    for i in range(n):
        if i % 4 == 0:
            change(client, chance)
        body = {"query": chance.choice(WORDS), **somebody(chance)}
        answer = client.post("/v1/search", json=body | chance.choice(BODIES))
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
        if chance.random() < 0.5:
            events = [event for a in answers[-3:] for event in live_events(a, chance)]
            assert not events or client.post("/v1/events", json=events).status_code == 200
    return answers


def somebody(chance):
    """A user, a device, or both, as a caller knows them."""
    who = {"user_id": f"u{chance.randrange(9)}", "client_id": f"c{chance.randrange(9)}"}
    return {name: who[name] for name in chance.choice((("user_id",), ("client_id",), tuple(who)))}


def live_events(answer, chance):
    """What people do meanwhile: late, by clocks that are ahead, on devices that are linked."""
    for result in answer["results"][: chance.randrange(3)]:
        yield {
            "action_name": chance.choice(("click", "click", "add_to_cart", "purchase", "dwell")),
            "timestamp": int(time.time() * 1e3) + chance.choice((-HOUR_MS, -9, 0, 1_000, HOUR_MS)),
            "event_attributes": {"object": {"object_id": result["id"]}},
            **somebody(chance),
        }
    if chance.random() < 0.2:
        yield {
            "action_name": chance.choice(("link_identity", "unlink_identity")),
            "timestamp": int(time.time() * 1e3), "user_id": f"u{chance.randrange(9)}",
            "client_id": f"c{chance.randrange(9)}",
        }  # fmt: skip


def act_on(place, answers, chance):
    """Everybody clicks and buys; then tables are built, as after an import."""
    now_ms = int(time.time() * 1e3)
    events = [
        Event(
            f"{answer['request_id']}-{result['id']}", chance.choice(("click", "purchase")),
            now_ms - chance.randrange(900), query_id=answer["request_id"],
            user_id=f"u{chance.randrange(9)}", object_id=result["id"],
        )
        for answer in answers for result in answer["results"][: chance.randrange(4)]
    ]  # fmt: skip
    log = EventLog.open(place.events_file)
    with place.door() as door:
        log.append(door.of_events(events))
    log.close()
    return refresh_tables(place, place.snapshot(), now_ms)


def change(client, chance):
    """Write a document: new, in place of another, patched in number or word, or deleted."""
    id_, row = f"d{chance.randrange(160)}", chance.choice(city_rows(20, seed=9))
    new = {**row, "id": id_, "title": f"{row['title']} word{chance.randrange(9)}"}
    patched = chance.choice(({"price": chance.uniform(1, 300)}, {"brand": f"b{id_}"}))
    verb, body = chance.choice((("PUT", new), ("PATCH", patched), ("DELETE", None)))
    answer = client.request(verb, f"/v1/documents/{id_}", json=body)
    assert answer.status_code in (200, 201, 404, 503), answer.text  # 503: a busy machine


@pytest.mark.parametrize("beside", ["nothing", "ranker", "redis"])
def test_a_service_that_was_just_driven_has_not_one_value_that_differs(place, beside, request):
    chance, is_remote = random.Random(3), beside == "ranker"
    with ExitStack() as services:
        overrides = ()
        if is_remote:
            other = services.enter_context(ranker(place.data))
            overrides = (f"rank.url={other.base_url}",)
        if beside == "redis":
            redis_url = request.getfixturevalue("redis_url")
            overrides = (f"state.url={redis_url}", "state.timeout_ms=1000")
        client = services.enter_context(gateway(place.data, *overrides))
        first = drive(client, chance)
        for _ in range(2):
            tables_id = act_on(place, first, chance)
            if is_remote:
                until(lambda shown=tables_id: shown in other.get("/metrics").text)
            until(lambda t=tables_id: client.get("/v1/search").json()["tables_id"] == t)
            first += drive(client, chance)
    parity = check_parity(place, 0, None)
    assert parity.holds, parity.lines()
    assert not parity.unlike
    assert len({answer["log_seq"] for answer in first}) > 5
    assert parity.impressions + parity.fused >= 3 * SEARCHES
    assert parity.fused < SEARCHES // 10  # while versions swap, a ranker may be behind
    assert parity.values > 2.5 * SEARCHES * 10 * 100
