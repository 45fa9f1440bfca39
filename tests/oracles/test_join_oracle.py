"""The join in columns against the join told one event at a time."""

import random

from hypothesis import given
from hypothesis import strategies as st

from app.corpus.event_columns import EventColumns
from app.corpus.event_log import HOT
from app.domain.events import Event
from app.domain.impressions import Impression
from app.offline.join import Joiner
from tests.oracles.naive_join import naive_join

MINUTE_MS = 60_000
WINDOW_MS = 30 * MINUTE_MS
START_MS = 1_760_000_000_000
NOW_MS = START_MS + 90 * MINUTE_MS
MOMENTS = (-2, -1, 0, 2, 30, 32, 33, 61, 89, 95)  # few, so that some fall together
REQUESTS, DOCUMENTS = ("r0", "r1", "r2", "r3", "nobody's"), ("a", "b", "c", "d", "火锅")


def columns(events):
    """Event columns of events that arrived in this order."""
    rows = [
        {"seq": seq, "dwell_ms": e.attributes.get("dwell_ms"), "is_random": 0, "shown": None}
        | {name: getattr(e, name) for name in HOT if name in Event.__dataclass_fields__}
        | {"shown": '["a"]' if e.shown else None}
        for seq, e in enumerate(events, 1)
    ]
    return EventColumns.of([{name: tuple(row[name] for row in rows) for name in HOT}])


@st.composite
def impressions(draw):
    made = []
    for request in draw(st.lists(st.sampled_from(REQUESTS[:4]), max_size=5)):
        ids = draw(st.lists(st.sampled_from(DOCUMENTS), unique=True, max_size=5))
        shown, at = draw(st.integers(0, len(ids))), draw(st.sampled_from((0, 2, 60))) * MINUTE_MS
        made.append(Impression(request, START_MS + at, ids=tuple(ids), shown=shown, offset=10))
    return made


@st.composite
def events(draw):
    return [
        Event(
            event_id=str(i),
            action_name=draw(st.sampled_from(
                ["click", "dwell", "add_to_cart", "purchase", "impression", "scroll"]
            )),
            ts_ms=START_MS + draw(st.sampled_from(MOMENTS)) * MINUTE_MS,
            query_id=draw(st.none() | st.sampled_from(REQUESTS)),
            object_id=draw(st.none() | st.sampled_from(DOCUMENTS)),
            shown=("a",) if draw(st.integers(0, 9)) == 0 else (),
            attributes=draw(st.just({}) | st.fixed_dictionaries({"dwell_ms": st.integers(0, 9)})),
        )
        for i in range(draw(st.integers(0, 25)))
    ]  # fmt: skip


def joined(shown, log, batch=100):
    joiner = Joiner(columns(log), WINDOW_MS, NOW_MS)
    sessions = []
    for start in range(0, len(shown), batch):
        sessions += [s for _, s in joiner.join(shown[start : start + batch])]
    return sessions, joiner.finish()


def first_of_each(shown):
    return list({i.request_id: i for i in reversed(shown)}.values())[::-1]


@given(impressions(), events())
def test_both_joins_agree_on_every_list_and_on_every_reason(shown, log):
    sessions, counts = joined(shown, log)
    expected, reasons = naive_join(shown, log, WINDOW_MS, NOW_MS)
    assert {s.request_id for s in sessions} == expected.keys()
    for session in sessions:
        done = expected[session.request_id]
        told = (session.clicked, session.carted, session.purchased, session.dwell_ms)
        assert told == (
            tuple(done.clicked), tuple(done.carted), tuple(done.purchased), done.dwell_ms
        )  # fmt: skip
        assert session.offset == 10
    del reasons["listed"]
    found = counts.to_json()
    assert {name: found[name] for name in reasons} == dict(reasons)
    others = {"impressions", "impressions_with_action", "repeated", "repeated_impressions"}
    assert not any(found[name] for name in found.keys() - reasons.keys() - others)


@given(impressions(), events(), st.randoms())
def test_neither_the_order_of_arrival_nor_the_batches_change_anything(shown, log, chance):
    shown = first_of_each(shown)
    shuffled = chance.sample(log, len(log))
    assert joined(shown, log) == joined(shown, shuffled, batch=2)


def test_an_impression_logged_twice_counts_once():
    shown = Impression("r1", START_MS, ids=("a",), shown=1)
    click = Event("e", "click", START_MS + 1, query_id="r1", object_id="a")
    for batch in (1, 2):
        sessions, counts = joined([shown, shown], [click], batch)
        assert [s.clicked for s in sessions] == [("a",)]
        assert (counts.impressions, counts.repeated_impressions) == (1, 1)


def test_the_counts_are_told_by_name():
    shown = Impression("r1", START_MS, ids=("a",), shown=1)
    late = Event("e", "click", START_MS + WINDOW_MS + 1, query_id="r1", object_id="a")
    _, counts = joined([shown], [late])
    assert counts.lines() == ["           1  impressions", "           1  late"]


def test_many_lists_join_as_one_by_one():
    chance = random.Random(3)
    shown = [
        Impression(f"r{i}", START_MS + i, ids=tuple(chance.sample(DOCUMENTS, 4)), shown=3)
        for i in range(300)
    ]
    log = [
        Event(str(i), "click", START_MS + chance.randrange(MINUTE_MS), query_id=f"r{i % 320}",
              object_id=chance.choice(DOCUMENTS))
        for i in range(2000)
    ]  # fmt: skip
    sessions, _ = joined(shown, log, batch=64)
    expected, _ = naive_join(shown, log, WINDOW_MS, NOW_MS)
    assert {s.request_id: list(s.clicked) for s in sessions} == {
        request: done.clicked for request, done in expected.items()
    }


def test_clicks_of_one_moment_stand_in_the_order_of_their_documents():
    shown = Impression("r1", START_MS, ids=("a", "b", "c"), shown=3)
    log = [
        Event(document, "click", START_MS + 1, query_id="r1", object_id=document)
        for document in "bca"
    ]
    for arrived in (log, log[::-1]):
        sessions, _ = joined([shown], arrived)
        assert [s.clicked for s in sessions] == [("a", "b", "c")]
