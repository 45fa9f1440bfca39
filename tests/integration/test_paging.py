"""Paging by cursor: one list from its first page to its last, whatever is published meanwhile."""

from __future__ import annotations

import asyncio
import base64
import shutil
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.corpus.document_log import DocumentLog
from app.corpus.document_writes import Write
from app.domain.changes import Change
from app.domain.errors import CursorGone, InvalidQuery
from app.query.understand import SearchRequest
from tests.builders import city_rows
from tests.builders.changes import delete, put
from tests.builders.servers import make_engine, publish_snapshot

ROWS = city_rows(600)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    data = tmp_path_factory.mktemp("published")
    publish_snapshot(ROWS, data)
    return data


@pytest.fixture
def data(published, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(published, tmp_path / "data")


@pytest.fixture(scope="module")
def engine(published):
    """An engine that nobody disturbs."""
    made = make_engine(published)
    yield made
    made.close()


@pytest.fixture
def disturbed(data):
    made = make_engine(data)
    yield made
    made.close()


def search(engine, now_ms=None, **asked):
    return asyncio.run(engine.search(SearchRequest(**asked), now_ms))


def pages(engine, count=10_000, between=lambda page: None, **asked):
    """The ids of each page, from the first on."""
    answer = search(engine, **asked)
    found = [list(answer.result.ids)]
    while answer.next_cursor and len(found) < count:
        between(len(found))
        answer = search(engine, cursor=answer.next_cursor, **asked)
        found.append(list(answer.result.ids))
    return found


def flat(pages):
    return [id_ for page in pages for id_ in page]


def test_ten_pages_of_ten_are_the_first_hundred_under_swaps_and_writes(disturbed, data):
    engine = disturbed
    whole = list(search(engine, text="老灶 火锅", limit=100).result.ids)
    log = DocumentLog.open(data)

    def disturb(page):
        if page == 4:
            publish_snapshot(ROWS[50:], data, "20260202T000000Z-0000next")
        else:
            changes = [put({**ROWS[page], "title": "火锅 火锅 老灶"}), delete(whole[page * 10 + 3])]
            log.append([Write([Change(*c) for c in changes], int(time.time() * 1e3))])
            engine.read_log()
            engine.publish_view()
        engine.refresh()

    found = pages(engine, 10, disturb, text="老灶 火锅", limit=10)
    log.close()
    assert [len(page) for page in found] == [10] * 10
    assert flat(found) == whole
    assert search(engine, text="老灶 火锅", limit=100).result.ids != tuple(whole)


def test_every_process_that_shares_the_data_goes_on(engine, published):
    other = make_engine(published)
    first = search(engine, text="火锅")
    second = search(other, text="火锅", cursor=first.next_cursor)
    other.close()
    assert list(second.result.ids) == list(search(engine, text="火锅", offset=10).result.ids)
    assert second.ctx.query.now_ms == first.ctx.query.now_ms


def test_browsing_lists_every_match_once(engine):
    filters = {"price": {"gte": 1}}
    matching = {row["id"] for row in ROWS if row["price"] >= 1}
    assert len(matching) > 500  # more than are ranked
    found = flat(pages(engine, filters=filters, limit=90))
    assert len(found) == len(set(found))
    assert set(found) == matching
    ranked = search(engine, filters=filters, limit=500).result.ids
    assert found[:500] == list(ranked)


def test_a_sorted_list_goes_on_to_its_end(engine):
    found = flat(pages(engine, sort="price", limit=90))
    assert found == [
        r["id"] for _, r in sorted(enumerate(ROWS), key=lambda e: (e[1]["price"], e[0]))
    ]


def test_ranked_paging_ends_at_the_last_candidate(engine):
    found = flat(pages(engine, text="老灶 火锅 garden", limit=60))
    assert len(found) == len(set(found)) <= 500
    assert found == list(search(engine, text="老灶 火锅 garden", limit=500).result.ids)


def test_a_group_appears_on_one_page_only(engine):
    found = flat(pages(engine, text="火锅", group_by="brand", limit=3))
    brands = [r["brand"] for id_ in found for r in ROWS if r["id"] == id_]
    assert len(brands) == len(set(brands))


def test_the_last_page_leads_nowhere(engine):
    assert search(engine, filters={"id": "d3"}).next_cursor is None
    assert search(engine, text="zzzzqq", correct=False, channels=("lexical",)).next_cursor is None


def test_a_cursor_of_another_search_or_with_an_offset_is_refused(engine):
    cursor = search(engine, text="火锅").next_cursor
    for other in (
        {"text": "酒店"},
        {"text": "火锅", "sort": "price"},
        {"text": "火锅", "offset": 10},
    ):
        with pytest.raises(InvalidQuery) as refused:
            search(engine, cursor=cursor, **other)
        assert refused.value.field in ("cursor", "offset")


def test_a_cursor_lives_five_minutes(engine):
    first = search(engine, 1_000_000, text="火锅")
    assert search(engine, 1_300_000, text="火锅", cursor=first.next_cursor).result.ids
    with pytest.raises(CursorGone, match="five minutes"):
        search(engine, 1_300_001, text="火锅", cursor=first.next_cursor)


def test_a_cursor_to_a_snapshot_that_was_deleted_is_gone(disturbed, data):
    cursor = search(disturbed, text="火锅").next_cursor
    publish_snapshot(ROWS[:90], data, "20260202T000000Z-0000next")
    other = make_engine(data)
    for file in sorted((data / "snapshots" / "20260101T000000Z-0000test").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    with pytest.raises(CursorGone, match="search again"):
        search(other, text="火锅", cursor=cursor)
    other.close()


@pytest.fixture(scope="module")
def token(engine):
    return engine, search(engine, text="火锅").next_cursor


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_token_but_ours_is_taken(token, data):
    engine, ours = token
    raw = bytearray(base64.urlsafe_b64decode(ours + "=" * (-len(ours) % 4)))
    how = data.draw(st.sampled_from(["flip", "cut", "text", "grow"]))
    if how == "flip":
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] ^= data.draw(st.integers(1, 255))
    elif how == "cut":
        del raw[data.draw(st.integers(0, len(raw) - 1)) :]
    elif how == "grow":
        raw += data.draw(st.binary(min_size=1, max_size=40))
    made = base64.urlsafe_b64encode(bytes(raw)).decode()
    made = data.draw(st.text(max_size=60)) if how == "text" else made
    if made:
        with pytest.raises(InvalidQuery) as refused:
            search(engine, text="火锅", cursor=made)
        assert refused.value.field == "cursor"
