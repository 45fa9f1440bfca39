"""Who is who: durable, the same for all processes, and gone to the byte once forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from app.corpus import pseudonyms
from app.corpus.identity import FILE, Forgotten, Identities, digest_of
from app.corpus.pseudonyms import LEASE_S, Pseudonyms
from app.domain.errors import StoreUnavailable
from app.domain.events import Event
from tests.builders.databases import PostgreSQL
from tests.builders.drawn_impressions import make_impression

NOW_MS = 1_800_000_000_000
Opened = Callable[[], Identities]


@pytest.fixture(params=["embedded", "server"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Opens one store, each time as another process would."""
    url = request.getfixturevalue("database_url") if request.param == "server" else None
    stores: list[Identities] = []

    def open_one() -> Identities:
        stores.append(Identities.open(tmp_path, url))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_name_keeps_its_pseudonym(opened: Opened) -> None:
    first = opened().ensure(["user:ann", "client:ann", "user:bob"])
    assert len(set(first.values())) == 3
    assert not any("ann" in p or "bob" in p for p in first.values())
    again = opened()
    assert again.ensure(["user:bob", "user:ann"]) == {n: first[n] for n in ("user:bob", "user:ann")}
    assert again.find(["client:ann", "user:eve"]) == {"client:ann": first["client:ann"]}
    assert again.count() == 3


def test_processes_that_meet_somebody_at_once_agree(opened: Opened) -> None:
    names = [f"user:{k}" for k in range(600)]
    stores = [opened() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda s: s.ensure(names), stores))
    assert all(one == found[0] for one in found)


def test_all_pseudonyms_of_a_name_are_forgotten_at_once(opened: Opened) -> None:
    store = opened()
    store.add({"user:ann": "1" * 32})
    store.add({"user:ann": "2" * 32, "user:bob": "3" * 32})
    assert store.find(["user:ann"]) == {"user:ann": "1" * 32}
    assert store.forget(["user:ann"], NOW_MS, ["4" * 32]) == ("1" * 32, "2" * 32, "4" * 32)
    assert store.find(["user:ann", "user:bob"]) == {"user:bob": "3" * 32}
    told = opened().forgotten()
    assert [t.digest for t in told] == [digest_of(d * 32) for d in "124"]
    store.note_first_event({told[0].digest: 17})
    store.note_first_event({told[0].digest: 99})
    assert opened().forgotten(told[1].seq) == told[2:]
    assert opened().forgotten()[0] == Forgotten(told[0].seq, told[0].digest, NOW_MS, 17)
    assert store.forget(["user:ann"], NOW_MS + 1) == ()
    assert store.ensure(["user:ann"])["user:ann"] not in ("1" * 32, "2" * 32)


def test_names_are_found_by_their_pseudonyms(opened: Opened) -> None:
    store = opened()
    found = store.ensure(["user:ann", "client:phone"])
    assert store.names_of([*found.values(), "f" * 32]) == ["client:phone", "user:ann"]


def test_no_byte_of_the_forgotten_stays_in_the_files(tmp_path: Path) -> None:
    store, other = Identities.open(tmp_path), Identities.open(tmp_path)
    found = store.ensure([f"user:customer-{k:05d}" for k in range(3000)])
    gone = [f"user:customer-{k:05d}" for k in range(0, 3000, 7)]
    other.find(gone)
    store.forget(gone, NOW_MS)
    store.scrub()
    content = b"".join(f.read_bytes() for f in tmp_path.iterdir() if f.name.startswith(FILE))
    assert not [n for n in gone if n.encode() in content or found[n].encode() in content]
    assert all(n.encode() in content for n in found if n not in gone)
    store.close()
    other.close()


def test_what_is_remembered_costs_no_question(opened: Opened) -> None:
    door = Pseudonyms(opened(), Clock())
    assert door.recall(["user:ann"]) is None
    ann = door.ensure(["user:ann"])
    assert door.recall(["user:ann"]) == ann
    assert door.recall(["user:ann", "user:bob"]) is None


def test_a_stranger_who_searches_has_a_pseudonym_at_once_and_a_row_soon(opened: Opened) -> None:
    door, elsewhere = Pseudonyms(opened(), Clock()), opened()
    met = door.meet(["user:ann"])
    assert door.recall(["user:ann"]) == door.meet(["user:ann"]) == met
    assert elsewhere.find(["user:ann"]) == {}
    door.settle()
    assert elsewhere.find(["user:ann"]) == met
    assert door.ensure(["user:ann"]) == met


def test_who_was_met_by_two_at_once_is_forgotten_under_both_pseudonyms(opened: Opened) -> None:
    here, there = Pseudonyms(opened(), Clock()), Pseudonyms(opened(), Clock())
    mine, theirs = here.meet(["user:ann"])["user:ann"], there.meet(["user:ann"])["user:ann"]
    assert mine != theirs
    here.settle()
    there.settle()
    assert here.recall(["user:ann"]) == there.recall(["user:ann"]) == {"user:ann": mine}
    shown = replace(make_impression("r"), user_id=theirs, client_id="phone")
    [logged] = there.loggable([shown])
    assert (logged.user_id, logged.client_id) == (mine, "phone")
    assert set(there.forget(["user:ann"], NOW_MS)) == {mine, theirs}
    assert there.loggable([shown, replace(shown, user_id=mine)]) == []


def test_the_forgotten_are_forgotten_in_every_process(opened: Opened) -> None:
    clock = Clock()
    here, there = Pseudonyms(opened(), clock), Pseudonyms(opened(), clock)
    ann = here.ensure(["user:ann"])["user:ann"]
    assert there.meet(["user:ann"]) == {"user:ann": ann}
    shown = replace(make_impression("r"), user_id=ann)
    here.forget(["user:ann"], NOW_MS)
    assert here.loggable([shown]) == []
    assert there.recall(["user:ann"]) == {"user:ann": ann}
    there.listen()
    assert there.recall(["user:ann"]) is None
    assert there.loggable([shown, make_impression("other")])[0].request_id == "other"
    assert there.meet(["user:ann"]) != {"user:ann": ann}


def test_a_stranger_who_is_forgotten_before_they_are_durable_never_becomes_so(
    opened: Opened,
) -> None:
    door = Pseudonyms(opened(), Clock())
    ann = door.meet(["user:ann"])["user:ann"]
    assert door.forget(["user:ann"], NOW_MS) == (ann,)
    door.settle()
    assert opened().find(["user:ann"]) == {}
    assert door.loggable([replace(make_impression("r"), user_id=ann)]) == []


def test_what_was_read_before_somebody_was_forgotten_is_not_remembered(tmp_path: Path) -> None:
    """A search reads the store while another thread forgets."""
    reading, forgotten = threading.Event(), threading.Event()

    class Slow(Identities):
        def find(self, names):
            found = super().find(names)
            if threading.current_thread() is not threading.main_thread():
                reading.set()
                forgotten.wait(30)
            return found

    store = Slow.open(tmp_path)
    store.ensure(["user:ann"])
    door = Pseudonyms(store, Clock())
    door.listen()
    with ThreadPoolExecutor(1) as pool:
        met = pool.submit(door.meet, ["user:ann"])
        reading.wait(30)
        door.forget(["user:ann"], NOW_MS)
        forgotten.set()
        met.result()
    assert door.recall(["user:ann"]) is None
    store.close()


def test_events_carry_pseudonyms_and_nothing_else_changes(opened: Opened) -> None:
    door = Pseudonyms(opened(), Clock())
    events = [
        Event("1", "click", 5, "r", client_id="phone", user_id="ann", object_id="d", query="火锅"),
        Event("2", "click", 6, "r", client_id="ann"),
        Event("3", "impression", 7, shown=("a", "b")),
    ]
    known = door.of_events(events)
    names = door.ensure(["user:ann", "client:phone", "client:ann"])
    assert known[0] == replace(
        events[0], user_id=names["user:ann"], client_id=names["client:phone"]
    )
    assert known[1] == replace(events[1], client_id=names["client:ann"])
    assert known[2] is events[2]


def test_without_word_from_the_store_nobody_is_known(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    clock = Clock()
    store = Identities.open(tmp_path, postgresql.new_database())
    door = Pseudonyms(store, clock)
    ann = door.ensure(["user:ann"])
    stranger = door.meet(["user:eve"])["user:eve"]
    postgresql.stop()
    assert door.recall(["user:ann"]) == ann
    clock.at += LEASE_S
    assert door.recall(["user:ann"]) is None
    for ask in (door.meet, door.ensure, door.lookup):
        with pytest.raises(StoreUnavailable):
            ask(["user:ann"])
    logged = door.loggable([replace(make_impression("r"), user_id=stranger)])
    assert [(i.request_id, i.user_id) for i in logged] == [("r", None)]
    postgresql.start()
    door.listen()
    assert door.recall(["user:ann"]) == ann
    store.close()


def test_a_store_that_stays_away_is_complained_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pseudonyms, "FOLLOW_S", 0.01)
    (tmp_path / FILE).write_bytes(b"once a database" * 300)
    tries = threading.Semaphore(0)
    store = Identities.open(tmp_path)
    forgotten = store.forgotten
    monkeypatch.setattr(store, "forgotten", lambda seq: (tries.release(), forgotten(seq))[1])
    people = Pseudonyms(store, time.monotonic)
    people.start()
    for _ in range(4):
        assert tries.acquire(timeout=30)
    people.close()
    said = [record.getMessage() for record in caplog.records]
    assert [text.partition(":")[0] for text in said] == ["nobody is known until the store answers"]
