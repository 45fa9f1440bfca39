"""The log keeps every event once, in order of arrival, whole, and for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus import event_log
from app.corpus.event_columns import EventColumns
from app.corpus.event_log import EventLog
from app.corpus.ubi import event_from_json, event_to_json
from app.domain.events import Event, Session
from app.offline.sessions import events_of, sessions_of

NOW_MS = 1_760_000_000_000


def click(n: int, ts_ms: int = NOW_MS, **more: Any) -> Event:
    return Event(f"e{n}", "click", ts_ms, object_id=f"d{n}", **more)


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    url = request.getfixturevalue("database_url") if request.param == "postgresql" else None
    opened = EventLog.open(tmp_path / "events.db", url)
    yield opened
    opened.close()


def test_events_are_numbered_in_order_of_arrival(log: EventLog) -> None:
    assert log.last_seq() == 0
    assert log.append([click(1), click(2)]) == (1, 2, 0, 2)
    assert log.append([click(3)]) == (3, 1, 0, 3)
    assert log.last_seq() == 3


def test_an_event_delivered_twice_is_kept_once(log: EventLog) -> None:
    log.append([click(1)])
    again = log.append([click(1), click(2), click(2)])
    assert (again.first_seq, again.accepted, again.duplicates) == (log.last_seq(), 1, 2)
    assert log.append([click(1)]) == (log.last_seq(), 0, 1, log.last_seq())
    assert [e.event_id for e in log.read()] == ["e1", "e2"]


def test_an_append_larger_than_a_batch_is_one_answer(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "APPEND_BATCH", 3)
    log.append([click(0)])
    assert log.append([click(n) for n in range(8)])[1:3] == (7, 1)


def test_nothing_to_append_is_no_error(log: EventLog) -> None:
    assert log.append([]) == (0, 0, 0, 0)
    assert len(EventColumns.load(log)) == 0
    assert list(sessions_of(EventColumns.load(log))) == []


def test_reading_chooses_by_seq_time_and_action(log: EventLog) -> None:
    log.append([click(1, 30), click(2, 10), Event("p", "purchase", 20, object_id="d")])
    assert [e.event_id for e in log.read(after_seq=1)] == ["e2", "p"]
    assert [e.event_id for e in log.read(before_ts=30)] == ["e2", "p"]
    assert [e.event_id for e in log.read(actions=["purchase"])] == ["p"]
    assert EventColumns.load(log, up_to_seq=2).ts_ms.tolist() == [10, 30]


def test_what_is_appended_is_there_when_the_log_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "a folder?" / "events.db"
    first = EventLog.open(path)
    first.append([click(1)])
    first.close()
    assert [e.event_id for e in EventLog.open(path).read()] == ["e1"]


def test_many_writers_lose_and_double_nothing(log: EventLog) -> None:
    def write(worker: int) -> None:
        for n in range(20):
            log.append([click(n), click(1000 * (worker + 1) + n)])

    threads = [threading.Thread(target=write, args=(w,)) for w in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [e.event_id for e in log.read()]
    assert len(kept) == len(set(kept)) == 20 + 4 * 20


def test_posts_of_one_transaction_are_told_apart(log: EventLog) -> None:
    log.append([click(1)])
    before = log.last_seq()
    done = log.append_all([[click(1)], [click(2), click(3)], [click(3), click(4)], []])
    assert [(d.accepted, d.duplicates) for d in done] == [(0, 1), (2, 0), (1, 1), (0, 0)]
    assert done[0].first_seq == done[3].first_seq == before < done[1].first_seq < done[2].first_seq
    assert [e.event_id for e in log.read()] == ["e1", "e2", "e3", "e4"]


def test_a_follower_misses_nothing_that_many_writers_commit(log: EventLog) -> None:
    """Numbers that a transaction took before another, and commits after it, would be skipped."""

    def write(worker: int) -> None:
        for n in range(30):
            log.append([click(1000 * worker + n), click(1000 * worker + n, user_id="again")])

    threads = [threading.Thread(target=write, args=(w,)) for w in range(4)]
    seen: list[int] = []
    at = 0
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        found, at = log.actions(at, 7)
        seen += [action.seq for action in found]
    while found := log.actions(at, 1000)[0]:
        seen += [action.seq for action in found]
        at = found[-1].seq
    assert len(seen) == 4 * 30
    assert seen == sorted(set(seen))


def test_a_follower_reads_what_tells_of_people_and_knows_how_far_it_came(log: EventLog) -> None:
    link = Event("l", "link_identity", NOW_MS, client_id="phone", user_id="ann")
    log.append([click(1, user_id="ann"), Event("i", "impression", NOW_MS), link])
    found, at = log.actions(0, 10)
    assert [a.action_name for a in found] == ["click", "link_identity"]
    assert (found[0].user_id, found[0].object_id, found[1].client_id) == ("ann", "d1", "phone")
    assert log.actions(0, 1) == (found[:1], found[0].seq)
    log.append([Event("i2", "impression", NOW_MS)])
    assert log.actions(at, 10) == ([], log.last_seq())


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=5)
ids = st.none() | words
events = st.builds(
    Event,
    event_id=st.uuids().map(str),
    action_name=st.sampled_from(["impression", "dwell", "link_identity", "点击"]),
    ts_ms=st.integers(0, NOW_MS),
    query_id=ids,
    client_id=ids,
    user_id=ids,
    object_id=ids,
    position=st.none() | st.integers(1, 1000),
    query=ids,
    shown=st.lists(words, unique=True, max_size=4).map(tuple),
    positions_known=st.booleans(),
    attributes=st.dictionaries(
        st.sampled_from(["scroll", "browser", "段"]), st.integers(0, 9) | st.text("ab火")
    )
    | st.fixed_dictionaries({"dwell_ms": st.integers(0, 9)}),
)


@settings(max_examples=20, deadline=None)
@given(st.lists(events, max_size=8, unique_by=lambda e: e.event_id))
def test_an_event_comes_back_from_log_and_json_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, given_events: list[Event]
) -> None:
    log = EventLog.open(tmp_path_factory.mktemp("log") / "events.db")
    log.append(given_events)
    assert list(log.read()) == given_events
    assert [event_from_json(event_to_json(e), NOW_MS) for e in given_events] == given_events
    log.close()


def test_a_session_comes_back_from_the_log_as_it_went_in(log: EventLog) -> None:
    sessions = [
        Session("r1", 10, "火锅", ("a", "b", "c"), ("b",), ("b",), "u1", "c1", 31.2, 121.5),
        Session("r2", 20, "", ("x",), positions_known=False),
        Session("r3", 30, "q", ("a", "b"), ("b",), offset=10, is_random=True),
        Session("r4", 40, "q", ("a", "b"), ("b",), carted=("b",), dwell_ms={"b": 900, "a": 2}),
    ]
    log.append(e for s in reversed(sessions) for e in events_of(s))
    assert list(sessions_of(EventColumns.load(log))) == sessions


def test_of_several_stays_the_longest_counts_and_what_is_no_duration_does_not(
    log: EventLog,
) -> None:
    said = [{"dwell_ms": 5.5}, {"dwell_ms": 30}, {"dwell_ms": "long"}, {"dwell_ms": -1}, {}]
    log.append(
        [Event("i", "impression", 1, query_id="r", shown=("a", "b"))]
        + [
            Event(f"{i}", "dwell", 2, "r", None, None, "a", attributes=s)
            for i, s in enumerate(said)
        ]
    )
    (session,) = sessions_of(EventColumns.load(log))
    assert session.dwell_ms == {"a": 30}


def test_a_second_page_says_where_it_began(log: EventLog) -> None:
    log.append([Event("i", "impression", 1, query_id="r", shown=("a", "b"), position=11)])
    (session,) = sessions_of(EventColumns.load(log))
    assert session.offset == 10


def test_single_impressions_and_pages_make_one_shown_list(log: EventLog) -> None:
    log.append(
        [
            Event("1", "impression", 5, query_id="r", object_id="b", position=2, query="q"),
            Event("2", "impression", 6, query_id="r", object_id="a", position=1, user_id="u"),
            Event("3", "impression", 7, query_id="r", shown=("c", "d"), position=3),
            Event("4", "click", 9, query_id="r", object_id="d"),
            Event("5", "click", 8, query_id="r", object_id="c"),
            Event("6", "click", 9, query_id="elsewhere", object_id="c"),
            Event("7", "impression", 9, object_id="no request"),
        ]
    )
    assert list(sessions_of(EventColumns.load(log))) == [
        Session("r", 5, "q", ("a", "b", "c", "d"), ("c", "d"), user_id="u")
    ]
