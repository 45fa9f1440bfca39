"""What is written to the document log is searched in every channel at once, on real services."""

import asyncio
import threading
import time

import numpy as np
import pytest

from app.corpus.document_log import DocumentLog
from app.corpus.document_writes import Write
from app.domain.changes import Change, Op
from app.query.understand import SearchRequest, place
from tests.builders import city_rows
from tests.builders.behaviour import make_sessions
from tests.builders.changes import delete, patch, put
from tests.builders.learned import publish_learned
from tests.builders.servers import SNAPSHOT_ID, gateway, make_engine, publish_snapshot
from tests.builders.waiting import until

ROWS = city_rows(120)
HERE = place(31.2, 121.45)


@pytest.fixture
def data(tmp_path):
    publish_snapshot(ROWS, tmp_path)
    return tmp_path


@pytest.fixture
def write(data):
    """Append changes, durably, as the gateway does."""
    log = DocumentLog.open(data)

    def append(*changes):
        log.append([Write([Change(*c) for c in changes], int(time.time() * 1e3))])

    yield append
    log.close()


@pytest.fixture
def engine(data):
    made = make_engine(data)
    yield made
    made.close()


def search(engine, **asked):
    return asyncio.run(engine.search(SearchRequest(**asked)))


def follow(engine):
    engine.read_log()
    return engine.publish_view()


def ids(answer):
    return list(answer.result.ids)


def test_nothing_is_written_where_nothing_was_ever_changed(engine, data):
    assert not (data / "documents.db").exists()
    assert search(engine, text="老灶").ctx.snapshot.overlay is None


def test_a_new_document_is_found_by_every_channel_that_could(engine, write):
    write(put({
        "id": "fresh", "title": "琉璃 zanzibar", "text": "老灶 火锅 garden", "category": "火锅",
        "brand": "brand3", "lat": 31.2, "lon": 121.45, "price": 60, "popularity": 1e6, "rating": 5,
    }))  # fmt: skip
    assert "fresh" not in ids(search(engine, text="zanzibar"))
    assert follow(engine) is not None
    answer = search(engine, text="zanzibar 老灶 火锅", origin=HERE)
    assert answer.ctx.snapshot.log_seq == 1
    row = answer.ctx.snapshot.documents.ids.find("fresh")
    found_by = {h.channel for h in answer.result.hits if row in h.rows}
    assert {"lexical", "vector", "geo", "popular"} <= found_by
    assert follow(engine) is None


FILMS = [{"id": f"f{i}", "title": f"film {i}", "text": "a story"} for i in range(10)]


@pytest.mark.parametrize("rows", [FILMS, []], ids=["a field that no document had", "no documents"])
def test_what_no_document_had_before_is_found_and_holds_up_no_later_write(rows, tmp_path):
    publish_snapshot(rows, tmp_path)
    engine, log = make_engine(tmp_path), DocumentLog.open(tmp_path)
    for change in (put({"id": "n1", "title": "phone", "brand": "acme"}), delete("n1")):
        log.append([Write([Change(*change)], int(time.time() * 1e3))])
        assert follow(engine) is not None
        answer = search(engine, text="acme phone")
        assert ("n1" in ids(answer)) == (change[0] is Op.PUT)
        assert not answer.result.degraded
    log.close()
    engine.close()


def test_filters_sort_documents_that_were_patched_by_what_they_now_hold(engine, write):
    write(patch("d3", price=99_999.0), patch("d4", price=None))
    follow(engine)
    dear = search(engine, filters={"price": {"gte": 90_000}})
    assert ids(dear) == ["d3"]
    assert dear.result.total == 1
    everything = search(engine, filters={"price": {"gte": 0}}, limit=200)
    assert "d4" not in ids(everything)
    assert "d3" in ids(everything)


def test_what_is_deleted_is_gone_from_everywhere_at_once(engine, write):
    total = search(engine).result.total
    assert total == len(ROWS)
    write(*(delete(row["id"]) for row in ROWS[:100]))
    follow(engine)
    for asked in (
        {}, {"text": "老灶 火锅"}, {"origin": HERE}, {"filters": {"id": ["d5", "d119"]}},
        {"text": "garden", "filters": {"in_stock": True}},
    ):  # fmt: skip
        answer = search(engine, **asked, limit=200)
        assert all(int(id_[1:]) >= 100 for id_ in ids(answer))
    assert search(engine).result.total == 20


def test_a_search_keeps_the_view_that_it_began_with(engine, write):
    before = engine.acquire()
    write(put({"id": "fresh", "title": "zanzibar"}))
    follow(engine)
    assert len(before.snapshot) == len(ROWS)
    assert len(engine.acquire().snapshot) == len(ROWS) + 1


def test_an_engine_that_starts_has_read_the_log(data, write):
    write(put({"id": "fresh", "title": "zanzibar"}))
    engine = make_engine(data)
    try:
        assert engine.has_caught_up
        assert ids(search(engine, text="zanzibar"))[0] == "fresh"
    finally:
        engine.close()


def test_new_tables_and_snapshots_are_taken_up_with_what_came_since(engine, data, write):
    write(put({**ROWS[0], "title": "zanzibar"}))
    follow(engine)
    own = engine.acquire().snapshot
    publish_learned(data, own, make_sessions(own))
    assert engine.refresh()
    serving = engine.acquire()
    assert serving.tables.id is not None
    row = serving.snapshot.documents.ids.find("d0")
    assert row == len(ROWS)
    assert serving.tables.row_of[serving.tables.ordinal_of[row]] == row
    publish_snapshot(ROWS[:50], data, "20260102T000000Z-0000test")
    assert engine.refresh()
    assert ids(search(engine, text="zanzibar"))[0] == "d0"
    assert len(engine.acquire().snapshot) == 51


def test_reading_pauses_for_searches_unless_it_is_far_behind(engine, write):
    pauses = []
    write(*(put({"id": f"few{i}", "title": "zanzibar"}) for i in range(5)))
    engine.read_log(lambda: pauses.append(1))
    assert len(pauses) > 5
    pauses.clear()
    write(*(put({"id": f"many{i}", "title": "zanzibar"}) for i in range(200)))
    engine.read_log(lambda: pauses.append(1))
    assert not pauses
    engine.publish_view()
    found = ids(search(engine, text="zanzibar", limit=300))
    assert sum(id_.startswith(("few", "many")) for id_ in found) == 205


def test_a_log_that_cannot_be_read_stands_in_the_answer(engine, data, write):
    write(put({"id": "fresh", "title": "zanzibar"}))
    file = data / "documents.db"
    whole = file.read_bytes()
    for other in data.glob("documents.db-*"):
        other.unlink()
    file.write_bytes(b"no database" * 1000)
    engine.document_log.close()
    assert not engine.read_log()
    assert search(engine, text="老灶").result.degraded == ("documents:log_unavailable",)
    file.write_bytes(whole)


def test_every_channel_sees_a_change_or_none_does(data, write, engine):
    """A document goes to and fro between two states that every channel returns."""
    own = engine.acquire().snapshot
    publish_learned(data, own, make_sessions(own))
    engine.refresh()
    states = [
        {**ROWS[0], "title": f"zanzibar 老灶 {name}", "lat": 31.2, "lon": 121.45,
         "popularity": 1e9, "rating": 5.0}
        for name in ("einer", "anderer")
    ]  # fmt: skip
    write(put(states[0]))
    follow(engine)
    is_over = threading.Event()

    def change():
        for i in range(150):
            write(put(states[i % 2]))
        is_over.set()

    def see():
        while not is_over.is_set():
            follow(engine)

    threads = [threading.Thread(target=work) for work in (change, see)]
    for thread in threads:
        thread.start()
    seen, channels = set(), set()
    while not is_over.is_set():
        answer = search(engine, text="zanzibar 老灶", origin=HERE, user_id="u3", limit=200)
        strings = answer.ctx.snapshot.documents.ids.strings
        rows = {
            hits.channel: {int(r) for r in hits.rows if strings[int(r)] == "d0"}
            for hits in answer.result.hits
        }
        assert len(set().union(*rows.values())) == 1
        channels |= {name for name, found in rows.items() if found}
        seen.add(answer.ctx.snapshot.log_seq)
    for thread in threads:
        thread.join()
    assert len(seen) > 3
    assert {"lexical", "vector", "geo", "popular"} <= channels


def test_a_service_follows_by_itself(data, write):
    with gateway(data) as client:
        assert client.get("/readyz").status_code == 200
        write(put({"id": "fresh", "title": "zanzibar", "price": 5}), patch("d3", price=7.5))
        asked = {"q": "zanzibar"}
        until(lambda: client.get("/v1/search", params=asked).json()["log_seq"] >= 2)
        answer = client.get("/v1/search", params={"q": "zanzibar"}).json()
        assert answer["results"][0]["id"] == "fresh"
        shown = client.post("/v1/search", json={"filters": {"id": ["d3"]}}).json()
        assert shown["results"][0]["document"]["price"] == 7.5
        page = client.get("/metrics").text
        assert "duolu_log_seq 2.0" in page
        assert 'duolu_overlay_rows{kind="patched"} 1.0' in page
        assert "duolu_visible_seconds_count" in page


def test_views_are_numbered_alike_whatever_was_read_at_once(data, write):
    one, other = make_engine(data), make_engine(data)
    try:
        for i in range(20):
            write(put({"id": f"n{i}", "title": f"zanzibar word{i}"}), patch(f"d{i}", price=i))
            follow(one)
        other.read_log()
        for seq in (1, 13, 40):
            a, b = (e.version(SNAPSHOT_ID, seq, None)[0] for e in (one, other))
            assert a.documents.rows.records.values.tobytes() == (
                b.documents.rows.records.values.tobytes()
            )
            np.testing.assert_array_equal(a.overlay.patched, b.overlay.patched)
    finally:
        one.close()
        other.close()
