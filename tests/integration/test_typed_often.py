"""What enough people typed and clicked after goes from the log into the next snapshot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.corpus.analyzer import Analyzer
from app.corpus.document_log import DocumentLog
from app.corpus.document_writes import Write
from app.corpus.event_log import EventLog
from app.domain.changes import Change, Op
from app.domain.events import CLICK, IMPRESSION, Event
from app.offline.behaviour.publish import publish_tables, tables_store
from app.offline.compaction import compact
from app.offline.typed_often import typed_often
from app.query.correct import correct
from tests.builders import NOW_MS
from tests.builders.reindexing import run, serving, settings, write

LONG = "来一碗热腾腾的螺霸王拌面再加一份酸笋和炸蛋还有一瓶冰豆浆带走"
ROWS = [{"id": "1", "title": LONG}, {"id": "2", "title": "热干面"}]
LATER = NOW_MS + 60_000


def asked(query: str, people: int, *, clicks: bool = True) -> Iterator[Event]:
    for i in range(people):
        r = f"{query}{i}"
        yield Event(f"i{r}", IMPRESSION, NOW_MS - 9_000, r, user_id=f"u{i}", query=query,
                    shown=("1",))  # fmt: skip
        if clicks:
            yield Event(f"c{r}", CLICK, NOW_MS - 8_000, r, user_id=f"u{i}", object_id="1")


@pytest.fixture
def data(tmp_path):
    """A catalogue that was searched for a while, with tables of it."""
    data = tmp_path / "data"
    run(write(tmp_path / "catalogue.jsonl", ROWS), data)
    log = EventLog.open(data / "events.db")
    log.append([*asked("螺霸王", 3), *asked("炸蛋还", 2), *asked("冰豆浆", 5, clicks=False),
                *asked("臭豆花", 4), *asked("zwaffle", 3)])  # fmt: skip
    publish_tables(log, data, NOW_MS, NOW_MS, Analyzer.build([]))
    log.close()
    return data


def put_right(snapshot, text):
    terms = snapshot.analyzer.spans(text)
    return correct(text, snapshot.reader.read(text), terms, snapshot)


def test_only_what_enough_people_typed_and_clicked_after_counts(data):
    assert typed_often(data) == {"螺霸王": 3, "臭豆花": 4, "zwaffle": 3}


def test_tables_that_are_damaged_or_not_there_teach_nothing(data, tmp_path):
    assert typed_often(tmp_path / "elsewhere") == {}
    store = tables_store(data)
    next((store.path(store.current_id()) / "suggest").glob("people*")).write_bytes(b"x")
    assert typed_often(data) == {}


def test_a_reindex_puts_right_by_what_people_type_and_learns_no_word_without_being_told(
    data, tmp_path
):
    before = serving(data)
    assert put_right(before, "zwafle") is None
    run(tmp_path / "catalogue.jsonl", data, now_ms=LATER)
    after = serving(data)
    assert put_right(after, "zwafle") == "zwaffle"
    assert put_right(after, "luobawang") == "螺霸王"
    assert after.analyzer.id == before.analyzer.id


def test_a_new_analyzer_takes_what_titles_write_too_for_a_word(data, tmp_path):
    run(tmp_path / "catalogue.jsonl", data, now_ms=LATER, retrain_encoder=True)
    snapshot = serving(data)
    assert snapshot.analyzer.is_word("螺霸王")
    assert not any(map(snapshot.analyzer.is_word, ("臭豆花", "炸蛋还")))
    assert "螺霸王" in snapshot.analyzer.terms(LONG)


def test_a_compaction_knows_what_people_type_now(data):
    log = DocumentLog.open(data)
    change = Change(Op.PUT, "3", b'{"id":"3","title":"new"}')
    log.append([Write([change], LATER)])
    log.close()
    compact(settings(), data, now_ms=LATER)
    assert put_right(serving(data), "zwafle") == "zwaffle"
