"""Forgetting somebody: no byte of theirs stays, no row of others goes, and parity holds."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.offline.forgetting import SETTLED_MS, Swept, sweep
from app.offline.workflow import check_parity, refresh_tables
from app.offline.workplace import Workplace
from tests.builders.people import (
    ANN,
    DESK,
    OTHERS,
    PHONE,
    SECRET,
    actions_on,
    holders,
    kept_of,
    learn,
    make_place,
    search_all,
)
from tests.builders.servers import gateway
from tests.builders.snapshots import CONFIG
from tests.builders.waiting import until

KILLS = 5
NAMES = (f"user:{ANN}", f"client:{PHONE}", f"client:{DESK}")


@pytest.fixture(params=["embedded", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Workplace:
    """People searched and bought, tables were built twice, and more searches followed."""
    overrides = []
    if request.param == "server":
        overrides = [f"store.url={request.getfixturevalue('database_url')}"]
    place = make_place(tmp_path, *overrides)
    chance = random.Random(7)
    with gateway(place.data, *overrides, "impressions.flush_seconds=1") as client:
        for _ in range(2):
            tables_id = learn(place, actions_on(search_all(client, chance, 40), chance))
            until(lambda t=tables_id: client.get("/v1/search").json().get("tables_id") == t)
        search_all(client, chance, 40)
    return place


def now_ms() -> int:
    return int(time.time() * 1e3)


def pseudonyms(place: Workplace) -> dict[str, str]:
    with place.identities() as identities:
        return identities.find(NAMES)


def forget_ann(place: Workplace) -> None:
    """As DELETE /v1/users does before anything is swept: her devices are not all known then."""
    with place.door() as door:
        assert door.forget(NAMES[:1], now_ms())


def texts(place: Workplace) -> Iterator[str]:
    """What stands in compressed files."""
    for file in place.data.rglob("*.parquet"):
        for column in pq.read_table(file).to_pydict().values():
            yield str(column)


def test_nothing_holds_the_forgotten_and_everybody_else_is_whole(place: Workplace) -> None:
    hers = pseudonyms(place)
    assert len(hers) == 3
    events, shown = kept_of(place)
    ids = set(hers.values())
    her_requests = {r for r, (user, client, _) in shown.items() if {user, client} & ids}
    her_events = {
        e for e, one in events.items()
        if {one.user_id, one.client_id} & ids or one.query_id in her_requests
    }  # fmt: skip
    assert len(her_requests) > 20
    assert any(not (events[e].user_id or events[e].client_id) for e in her_events)
    traces = (*hers.values(), ANN, PHONE, DESK, SECRET, "zxqvwk", *her_requests)
    assert any("zxqvwk" in text for text in texts(place))
    before = check_parity(place, 0, None)
    assert before.holds, before.lines()

    forget_ann(place)
    swept = sweep(place, now_ms())
    assert swept.impressions == len(her_requests)
    assert swept.events >= len(her_events)
    assert swept.tables == 2
    refresh_tables(place, place.snapshot(), now_ms())

    assert holders(place.data, *traces) == set()
    for text in texts(place):
        assert not [trace for trace in traces if trace in text]
    events_after, shown_after = kept_of(place)
    assert shown_after == {r: one for r, one in shown.items() if r not in her_requests}
    told = {e: one for e, one in events_after.items() if one.action_name == "impression"}
    assert not [one for one in told.values() if one.query_id in her_requests]
    assert {e: one for e, one in events_after.items() if e not in told or e in events} == {
        e: one for e, one in events.items() if e not in her_events
    }
    with place.identities() as identities:
        assert set(identities.find([f"user:{one}" for one in OTHERS])) == {
            f"user:{one}" for one in OTHERS
        }
    after = check_parity(place, 0, None)
    assert after.holds, after.lines()
    assert not after.unlike
    assert after.impressions == before.impressions - len(her_requests) + before.fused - after.fused


def test_a_sweep_that_has_nothing_to_do_does_nothing(place: Workplace) -> None:
    assert sweep(place, now_ms()) == Swept()
    forget_ann(place)
    first = sweep(place, now_ms())
    assert first.events
    kept = kept_of(place)
    tables = {f: f.stat().st_ino for f in (place.data / "tables").rglob("manifest.json")}
    again = sweep(place, now_ms())  # she asked only just now: once more, to be sure
    assert again == Swept(people=first.people)
    assert {f: f.stat().st_ino for f in (place.data / "tables").rglob("manifest.json")} == tables
    assert sweep(place, now_ms() + SETTLED_MS + 60_000) == again
    assert sweep(place, now_ms() + SETTLED_MS + 60_000) == Swept()
    assert kept_of(place) == kept


KILLED = """
import os, signal, sys, time
from pathlib import Path
from app.offline.forgetting import sweep
from app.offline.workplace import Workplace
from app.settings import Settings
settings = Settings.load(Path(sys.argv[1]), environment={})
for line in sys.stdin:
    folder, after_s = line.rsplit(" ", 1)
    started, child = time.monotonic(), os.fork()
    if not child:
        sweep(Workplace(settings, Path(folder), Path(folder) / "models"), int(time.time() * 1e3))
        os._exit(0)
    if float(after_s):
        time.sleep(float(after_s))
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(time.monotonic() - started, flush=True)
"""


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
def test_a_sweep_that_is_killed_is_finished_by_the_next(place: Workplace) -> None:
    hers, chance = pseudonyms(place), random.Random(3)
    events, shown = kept_of(place)
    forget_ann(place)
    others = {r: one for r, one in shown.items() if not {*one[:2]} & {*hers.values()}}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, CONFIG], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, bufsize=1,
    ) as killer:  # fmt: skip
        whole_s = 0.0
        for round_ in range(1 + KILLS):
            copy = Workplace(place.settings, place.data.with_name(f"round{round_}"), place.models)
            shutil.copytree(place.data, copy.data)
            killer.stdin.write(f"{copy.data} {round_ and whole_s * chance.random()}\n")
            took_s = float(killer.stdout.readline())
            whole_s = whole_s or took_s
            sweep(copy, now_ms())
            assert not holders(copy.data, *hers.values(), ANN, PHONE, DESK, "zxqvwk")
            events_after, shown_after = kept_of(copy)
            assert shown_after == others
            assert not [
                e for e, one in events.items()
                if one.user_id not in (None, *hers.values()) and e not in events_after
            ]  # fmt: skip
        killer.stdin.close()
    parity = check_parity(copy, 0, None)
    assert parity.holds, parity.lines()
