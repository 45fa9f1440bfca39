"""A small place that people searched and bought at, by pseudonyms, over HTTP and by import."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import httpx

from app.corpus.impression_log import read_impressions
from app.domain.events import Event
from app.features.catalog import CATALOG
from app.offline.recipe import Recipe
from app.offline.workflow import refresh_tables
from app.offline.workplace import Workplace
from app.settings import Settings
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders.drawn_impressions import bits
from tests.builders.releases import make_wide_release
from tests.builders.servers import SNAPSHOT_ID, publish_snapshot
from tests.builders.snapshots import CONFIG
from tests.builders.worlds import city_rows

WORDS = ("老灶 火锅", "garden", "咖啡", "海景 酒店", "noodle tea", "")
ANN, PHONE, DESK = "ann-4711@example.org", "anns-phone-0815", "anns-desk-0816"
SECRET = "zxqvwk 绝密瑜伽"
OTHERS = tuple(f"other-{k}" for k in range(6))


def make_place(root: Path, *overrides: str, documents: int = 120) -> Workplace:
    """A snapshot, and a release of every feature."""
    publish_snapshot(city_rows(documents), root)
    snapshot = open_snapshot(root / "snapshots" / SNAPSHOT_ID)
    templates = [f"{name}(*)" for name in CATALOG.templates if name != "model"]
    names = Recipe(features=(*CATALOG.features, *templates)).feature_names(
        snapshot.documents.schema, tuple(snapshot.manifest["channels"])
    )
    store = ArtifactStore(root / "models" / "lambdarank", "release")
    make_wide_release(snapshot, store, "20260101T000001Z-wide", names)
    settings = Settings.load(CONFIG, overrides, environment={})
    return Workplace(settings, root, root / "models")


def search_all(client: httpx.Client, chance: random.Random, n: int) -> list[dict[str, Any]]:
    """Searches of others and of Ann, who also asks what nobody else does; with who asked."""
    answers = []
    for k in range(n):
        who = {"user_id": chance.choice(OTHERS), "client_id": f"phone-{k % 5}"}
        what = chance.choice(WORDS)
        if k % 4 == 0:
            who = chance.choice(({"user_id": ANN, "client_id": PHONE}, {"client_id": PHONE}))
            what = chance.choice((SECRET, what))
        body = {"query": what, "location": {"lat": 31.2, "lon": 121.5}, "limit": 6, **who}
        answer = client.post("/v1/search", json=body)
        assert answer.status_code == 200, answer.text
        assert "identity:unavailable" not in answer.json()["degraded"]
        answers.append(answer.json() | {"who": who})
    return answers


def actions_on(answers: list[dict[str, Any]], chance: random.Random) -> list[Event]:
    """Clicks and purchases, some sent without saying who, and Ann's link to her desk."""
    now_ms = int(time.time() * 1e3)
    events = [Event(f"link-{now_ms}", "link_identity", now_ms, client_id=DESK, user_id=ANN)]
    for answer in answers:
        for result in answer["results"][: chance.randrange(4)]:
            who = answer["who"] if chance.random() < 0.8 else {}
            events.append(
                Event(
                    f"{answer['request_id']}-{result['id']}", chance.choice(("click", "purchase")),
                    now_ms - chance.randrange(900), query_id=answer["request_id"],
                    object_id=result["id"], query=answer["query"]["text"] or None, **who,
                )
            )  # fmt: skip
        events.append(Event(f"d-{answer['request_id']}", "click", now_ms, client_id=DESK,
                            object_id=chance.choice(("1", "2"))))  # fmt: skip
    return events


def learn(place: Workplace, events: list[Event]) -> str | None:
    """Bring events in by the door, and build tables."""
    log = place.open_events()
    with place.door() as door:
        log.append(door.of_events(events))
    log.close()
    return refresh_tables(place, place.snapshot(), int(time.time() * 1e3) + 1)


def holders(data: Path, *wanted: str) -> set[str]:
    """Files whose bytes hold any of these."""
    return {
        str(file.relative_to(data))
        for file in data.rglob("*")
        if file.is_file() and any(w.encode() in file.read_bytes() for w in wanted)
    }


def kept_of(place: Workplace) -> tuple[dict[str, Event], dict[str, Any]]:
    """Everything in both logs, by id."""
    log = place.open_events()
    events = {event.event_id: event for event in log.read()}
    log.close()
    shown = read_impressions(place.stores.impressions)
    return events, {i.request_id: (i.user_id, i.client_id, bits(i)) for i in shown}
