"""Who is forgotten leaves the suggestions, and what they alone made rise does not rise any more."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from app.domain.events import CLICK, IMPRESSION, Event
from app.offline.forgetting import sweep
from app.offline.workplace import Workplace
from app.snapshot.opening import open_tables
from app.snapshot.tables import Tables
from tests.builders.people import ANN, SECRET, learn, make_place

DAY_MS = 86_400_000


def now_ms() -> int:
    return int(time.time() * 1e3)


@pytest.fixture
def place(tmp_path) -> Workplace:
    return make_place(tmp_path, "tables.suggest_people=1", documents=20)


def asked(who: str, query: str, ago_ms: int) -> Iterator[Event]:
    at, request = now_ms() - ago_ms, f"{who}-{query}-{ago_ms}"
    yield Event(f"i-{request}", IMPRESSION, at, request, user_id=who, query=query, shown=("d1",))
    yield Event(f"c-{request}", CLICK, at + 1, request, user_id=who, object_id="d1")


def tables_of(place: Workplace, tables_id: str) -> Tables:
    return open_tables(place.stores.tables.path(tables_id), place.snapshot().documents)


def test_a_forgotten_persons_queries_leave_tables_that_serve(place):
    events = [e for day in range(5) for e in asked("bob", "火锅", day * DAY_MS + 60_000)]
    tables_id = learn(place, [*events, *asked(ANN, SECRET, 60_000)])
    before = tables_of(place, tables_id).suggested
    assert set(before.completions.texts) == {"火锅", SECRET}
    with place.door() as door:
        assert door.forget([f"user:{ANN}"], now_ms())
    assert sweep(place, now_ms()).tables == 1
    after = tables_of(place, tables_id)
    assert set(after.suggested.completions.texts) == {"火锅"}
    assert SECRET not in list(after.trending.texts)
    assert len(after.suggested.own) == len(after.persons.histories.documents)
