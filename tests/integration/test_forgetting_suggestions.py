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
from tests.builders import city_rows
from tests.builders.encoders import serve_embeddings
from tests.builders.people import ANN, SECRET, learn, make_place
from tests.builders.reindexing import run, settings, write

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


def test_a_key_that_is_gone_costs_tables_one_person_and_not_all(tmp_path, monkeypatch):
    monkeypatch.setenv("EMBEDDING_KEY", "s3cret")
    own = (
        "tables.suggest_people=1", "encoder.enabled=true",
        "encoder.kind=app.corpus.http_encoder:HttpEncoder",
        "encoder.options.key_variable=EMBEDDING_KEY",
    )  # fmt: skip
    with serve_embeddings() as endpoint:
        own = (*own, f"encoder.options.url={endpoint.url}")
        run(write(tmp_path / "catalog.jsonl", city_rows(20)), tmp_path, *own)
    place = Workplace(settings(*own), tmp_path, tmp_path / "models")
    tables_id = learn(place, [*asked("bob", "火锅", 60_000), *asked(ANN, SECRET, 60_000)])
    documents = place.snapshot().documents
    with place.door() as door:
        assert door.forget([f"user:{ANN}"], now_ms())
    monkeypatch.delenv("EMBEDDING_KEY")
    assert sweep(place, now_ms()).tables == 1
    assert place.stores.tables.current_id() == tables_id
    left = open_tables(place.stores.tables.path(tables_id), documents).suggested
    assert set(left.completions.texts) == {"火锅"}
