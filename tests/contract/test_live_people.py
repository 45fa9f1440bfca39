"""What every store of live behaviour owes: the state that plain loops over the event log find."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.corpus.documents import Documents
from app.corpus.event_columns import EventColumns
from app.corpus.event_log import EventLog
from app.corpus.following import Follower, Held
from app.corpus.own_people import OwnPeople
from app.corpus.people_store import PeopleStore, people_store
from app.domain.errors import StateUnavailable
from app.domain.events import Event
from app.domain.user import UserState
from app.offline.behaviour.build import facts_of, learn
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.memory import QueryTerms
from app.offline.past_people import PastPeople
from app.snapshot.asking import UNAVAILABLE, Asking, Person, long_term, who_asks
from app.snapshot.people import user_state
from app.snapshot.tables import Tables
from tests.builders import make_documents
from tests.builders.databases import Redis
from tests.oracles.naive_people import NaivePeople
from tests.oracles.naive_tables import ANALYZER, DAY, NOW, random_log

NEWEST = 4
PEOPLE = [(u, c) for u in (None, "1", "2", "3") for c in (None, "1", "2", "3", "4")]
Make = Callable[[], PeopleStore]


@pytest.fixture(params=["own", "shared"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes stores; shared ones share one Redis, as gateways do."""
    url = request.getfixturevalue("redis_url") if request.param == "shared" else None
    return lambda: people_store(url, "test", NEWEST, 5_000)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    rows = [{"id": f"d{i}", "title": "x", "price": i + 1, "tags": [f"t{i % 3}"]} for i in range(10)]
    return make_documents(rows, tmp_path_factory.mktemp("documents"))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    opened = EventLog.open(tmp_path / "events.db")
    yield opened
    opened.close()


def tables_of(events: EventColumns, as_of_ms: int, documents: Documents) -> Tables:
    config, terms = TableConfig(), QueryTerms.of(events, ANALYZER, ("default",))
    learned = learn(events, terms, as_of_ms, config)
    return Tables.of(learned, {"id": "t", **facts_of(events, as_of_ms, config)}, documents)


def followed(log: EventLog, store: PeopleStore, tables: Tables) -> Follower:
    follower = Follower(log, store, lambda: Held(tables.whole_seq, tables.whole_seq))
    follower.catch_up()
    return follower


def asked(store: PeopleStore, tables: Tables, user: str | None, client: str | None) -> Person:
    """As a gateway asks, on an event loop of its own."""

    async def ask() -> tuple[Person, tuple[str, ...]]:
        try:
            return await who_asks(store, tables, user, client, NEWEST)
        finally:
            await store.close()

    person, missing = asyncio.run(ask())
    assert missing == ()
    return person


def known(state: UserState, documents: Documents) -> dict[str, tuple[int, float]]:
    assert state.times_ms.tolist() == sorted(state.times_ms.tolist(), reverse=True)
    assert len(set(state.rows.tolist())) == state.rows.size
    names = [documents.ids.strings[int(row)] for row in state.rows]
    done = zip(state.times_ms.tolist(), state.weights.tolist(), strict=True)
    return dict(zip(names, done, strict=True))


def drawn_log(seed: int) -> list[Event]:
    """Events out of order with shared devices, links, unlinks, and clocks that are ahead."""
    rng = random.Random(seed)
    return [
        replace(e, action_name="unlink_identity")
        if e.action_name == "link_identity" and rng.random() < 0.4
        else replace(e, ts_ms=e.ts_ms + 30 * DAY)
        if rng.random() < 0.1
        else e
        for e in random_log(seed, 100)
    ]


@pytest.mark.parametrize("seed", range(6))
def test_the_state_is_that_of_plain_loops_whatever_the_tables_hold(
    make: Make, documents: Documents, log: EventLog, seed: int
) -> None:
    """Online, as of the end of the log; and offline, as of any event in it."""
    rng, events = random.Random(seed), drawn_log(seed)
    log.append(events[:60])
    as_of_ms = NOW - rng.randrange(30) * DAY
    tables = tables_of(EventColumns.load(log), as_of_ms, documents)
    store = make()
    follower = followed(log, store, tables)
    log.append(events[60:])
    past = PastPeople(EventColumns.load(log), NEWEST)
    follower.catch_up()
    for seq in (100, 80, 60):
        naive = NaivePeople(events, 60, as_of_ms, seq, NEWEST)
        for user, client in PEOPLE:
            asking = Asking(tables, user, client)
            past.tell_up_to(asking, seq)
            person = asking.person(NEWEST)
            state = user_state(person, tables, documents, NOW)
            assert known(state, documents) == naive.state(user, client, NOW), (user, client, seq)
            if seq == 100 and (user or client):
                assert asked(store, tables, user, client) == person


def test_without_live_state_it_is_whom_the_tables_know(documents: Documents, log: EventLog) -> None:
    log.append(drawn_log(0))
    tables = tables_of(EventColumns.load(log), NOW, documents)
    for user, client in PEOPLE:
        asking = Asking(tables, user, client)
        asking.take({}, 0)
        assert long_term(tables, user, client) == asking.person(0), (user, client)
    assert long_term(Tables.empty(10), "ann", None) == Person("ann")


def click(n: int, who: str = "ann", document: str = "d1", **more: Any) -> Event:
    return Event(f"e{n}", "click", NOW + n, user_id=who, object_id=document, **more)


def acted_on(person: Person) -> list[str]:
    return [one.document for one in person.lately]


def test_only_the_newest_are_kept_and_the_position_says_how_far(make: Make, log: EventLog) -> None:
    tables, store = Tables.empty(10), make()
    log.append([click(n, document=f"d{n}") for n in range(NEWEST + 3)])
    follower = followed(log, store, tables)
    log.append([Event("i", "impression", NOW)])
    follower.catch_up()
    person = asked(store, tables, "ann", None)
    assert acted_on(person) == [f"d{n}" for n in range(3, NEWEST + 3)]
    assert person.seq == log.last_seq()
    assert asked(store, tables, "bob", None) == Person("bob", seq=log.last_seq())


def test_two_that_follow_at_once_change_nothing_twice(make: Make, log: EventLog) -> None:
    tables, stores = Tables.empty(10), [make(), make()]
    for n in range(6):
        log.append([click(n, document=f"d{n}")])
        for store in stores:
            followed(log, store, tables)
    people = [asked(store, tables, "ann", None) for store in stores]
    assert people[0] == people[1]
    assert acted_on(people[0]) == ["d2", "d3", "d4", "d5"]


def test_tables_of_before_are_served_from_further_back(
    make: Make, log: EventLog, documents: Documents
) -> None:
    """After a rollback the log is read once more."""
    log.append([click(1, document="d1"), click(2, document="d2")])
    newer = tables_of(EventColumns.load(log), NOW + 10, documents)
    store = make()
    followed(log, store, newer)
    assert acted_on(asked(store, newer, "ann", None)) == []
    followed(log, store, Tables.empty(10))
    assert acted_on(asked(store, Tables.empty(10), "ann", None)) == ["d1", "d2"]


def test_what_all_tables_hold_is_let_go_of_and_the_rest_is_not(
    make: Make, log: EventLog, documents: Documents
) -> None:
    log.append([click(1, document="d1")])
    store = make()
    followed(log, store, Tables.empty(10))
    tables = tables_of(EventColumns.load(log), NOW + 10, documents)
    log.append([click(2, document="d2"), click(3, "bob", "d3")])
    for _ in range(2):
        followed(log, store, tables)
    assert acted_on(asked(store, tables, "ann", None)) == ["d2"]
    assert acted_on(asked(store, tables, "bob", None)) == ["d3"]


def test_memory_holds_only_whom_the_tables_lack(log: EventLog, documents: Documents) -> None:
    store = OwnPeople(NEWEST)
    log.append([click(1), click(2, "bob")])
    followed(log, store, Tables.empty(10))
    assert len(store) == 2
    tables = tables_of(EventColumns.load(log), NOW + 10, documents)
    log.append([click(3, "eve")])
    followed(log, store, tables)
    assert len(store) == 1


def test_who_follows_late_does_not_set_the_position_back(make: Make, log: EventLog) -> None:
    tables, store = Tables.empty(10), make()
    log.append([click(n) for n in range(3)])
    followed(log, store, tables)
    store.add([], 0, 1)
    store.add([], 7, 9)  # nor over what was not followed
    assert store.position() == (0, 3)


def test_another_log_is_not_taken_for_the_one_before(make: Make, tmp_path: Path) -> None:
    tables, store = Tables.empty(10), make()
    for name, document, count in (("a", "d1", 3), ("b", "d2", 1)):
        log = EventLog.open(tmp_path / f"{name}.db")
        log.append([click(n, document=document) for n in range(count)])
        followed(log, store, tables)
        log.close()
    assert acted_on(asked(store, tables, "ann", None)) == ["d2"]


def test_somebody_is_dropped(make: Make, log: EventLog) -> None:
    tables, store = Tables.empty(10), make()
    log.append([click(1), click(2, "bob")])
    followed(log, store, tables)
    store.drop(["user:ann"])
    assert acted_on(asked(store, tables, "ann", None)) == []
    assert acted_on(asked(store, tables, "bob", None)) == ["d1"]


def test_ids_and_documents_may_hold_any_character(make: Make, log: EventLog) -> None:
    tables, store = Tables.empty(10), make()
    strange = ("a b:c*?[x]", '火 锅\n\t"', "é\u2028")
    log.append([click(n, who, who) for n, who in enumerate(strange)])
    followed(log, store, tables)
    for who in strange:
        assert acted_on(asked(store, tables, who, None)) == [who]


def test_redis_that_stops_is_told_and_comes_back_with_everything(
    redis: Redis, log: EventLog
) -> None:
    tables, store = Tables.empty(10), people_store(redis.url, "test", NEWEST, 200)
    log.append([click(1)])
    follower = followed(log, store, tables)
    redis.kill()
    person, missing = asyncio.run(who_asks(store, tables, "ann", None, NEWEST))
    assert (person, missing) == (Person("ann"), (UNAVAILABLE,))
    log.append([click(2, document="d2")])
    with pytest.raises(StateUnavailable):
        follower.catch_up()
    redis.start()
    redis.clear()  # it kept nothing
    store = people_store(redis.url, "test", NEWEST, 5_000)
    followed(log, store, tables)
    assert acted_on(asked(store, tables, "ann", None)) == ["d1", "d2"]


def test_merged_gains_feed_tastes_and_prices(
    log: EventLog, documents: Documents, make: Make
) -> None:
    log.append([click(1, document="d0"), click(2, document="d0"), click(3, document="d4")])
    store = make()
    followed(log, store, Tables.empty(10))
    person = asked(store, Tables.empty(10), "ann", None)
    state = user_state(person, Tables.empty(10), documents, NOW)
    names = documents.keywords["tags"].names.strings
    tastes = {names[int(c)]: w for c, w in zip(*_preference(state), strict=True)}
    assert tastes == {"t0": pytest.approx(2 / 3), "t1": pytest.approx(1 / 3)}
    assert state.log_price[0] == pytest.approx(np.log1p([1, 5]).mean())
    assert set(state.times_ms.tolist()) == {NOW}  # a clock ahead of ours dates nothing later


def _preference(state: UserState) -> tuple[Sequence[int], Sequence[float]]:
    held = state.preferences["tags"]
    return held.codes.tolist(), held.weights.tolist()
