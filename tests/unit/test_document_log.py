"""The log numbers changes densely, keeps what was promised, and refuses what is stale."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.corpus import document_log
from app.corpus.database import Database
from app.corpus.document_log import DocumentLog
from app.corpus.document_writes import (
    Condition,
    Key,
    KeyReused,
    NoSuchDocument,
    StaleWrite,
    Write,
    Written,
)
from app.domain.changes import Change, Op
from app.domain.errors import InvalidInput, LogTrimmed, StoreFull, StoreUnavailable
from tests.builders.databases import PostgreSQL

NOW_MS = 1_760_000_000_000


def put(id_: str, body: bytes = b"{}", **more: object) -> Write:
    return Write([Change(Op.PUT, id_, body)], NOW_MS, **more)


def patch(id_: str, **more: object) -> Write:
    return Write([Change(Op.PATCH, id_, b'{"price":1}')], NOW_MS, **more)


def drop(id_: str, **more: object) -> Write:
    return Write([Change(Op.DELETE, id_, b"")], NOW_MS, **more)


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], DocumentLog]]:
    """Opens the same log each time, as another process would."""
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("database_url")
    logs: list[DocumentLog] = []

    def open_() -> DocumentLog:
        logs.append(DocumentLog.open(tmp_path, url))
        return logs[-1]

    yield open_
    for log in logs:
        log.close()


def test_changes_are_numbered_in_the_order_of_commits(opened: Callable[[], DocumentLog]) -> None:
    log = opened()
    assert (log.last_seq(), log.read()) == (0, [])
    two = Write([Change(Op.PUT, "a", b'{"id":"a"}'), Change(Op.DELETE, "b", b"")], NOW_MS)
    assert log.append([two, put("c")]) == [Written(1), Written(3)]
    assert [(e.seq, e.op, e.id, e.body) for e in opened().read()] == [
        (1, Op.PUT, "a", b'{"id":"a"}'), (2, Op.DELETE, "b", b""), (3, Op.PUT, "c", b"{}"),
    ]  # fmt: skip
    assert [e.seq for e in log.read(1, limit=1)] == [2]
    assert [e.seq for e in log.entries(0, 2)] == [1, 2]
    assert log.last_seq() == 3


def test_a_follower_never_sees_a_smaller_number_later(opened: Callable[[], DocumentLog]) -> None:
    each, writers = 15, 4
    is_done = threading.Event()
    seen: list[int] = []

    def follow() -> None:
        log, after = opened(), 0
        while True:
            is_last_look = is_done.is_set()
            new = [e.seq for e in log.read(after)]
            seen.extend(new)
            after = new[-1] if new else after
            if is_last_look and not new:
                return

    def write(n: int) -> None:
        log = opened()
        for i in range(each):
            log.append([put(f"{n}-{i}"), put(f"{n}-{i}")])

    with ThreadPoolExecutor(writers + 1) as pool:
        following = pool.submit(follow)
        list(pool.map(write, range(writers)))
        is_done.set()
        following.result()
    assert seen == list(range(1, 2 * each * writers + 1))


def test_a_key_that_comes_again_gets_its_first_answer(opened: Callable[[], DocumentLog]) -> None:
    log = opened()
    assert log.append([put("a", key=Key("k"))]) == [Written(1)]
    log.append([put("b")])
    again, twice = opened().append([put("a", key=Key("k")), put("a", key=Key("k"))])
    assert again == twice == Written(1, is_repeated=True)
    assert log.last_seq() == 2
    for other in (put("a", b'{"x":1}', key=Key("k")), put("a", key=Key("k", is_last=False))):
        (refused,) = log.append([other])
        assert isinstance(refused, KeyReused)
    log.forget_keys(NOW_MS + 1)
    assert log.append([put("a", key=Key("k"))]) == [Written(3)]


def test_a_stale_write_is_refused_and_its_neighbours_are_not(
    opened: Callable[[], DocumentLog],
) -> None:
    log = opened()
    log.append([put("a")])
    read_at_1 = Condition(0, is_in_snapshot=False, checks_version=True, version=1)
    first, second, other = log.append(
        [put("a", condition=read_at_1), put("a", condition=read_at_1), put("b")]
    )
    assert (first, other) == (Written(2), Written(3))
    assert isinstance(second, StaleWrite)
    unchanged = Condition(0, is_in_snapshot=True, checks_version=True)
    assert log.append([patch("c", condition=unchanged)]) == [Written(4)]
    assert isinstance(log.append([patch("c", condition=unchanged)])[0], StaleWrite)


def test_what_is_not_there_cannot_be_patched_or_made_twice(
    opened: Callable[[], DocumentLog],
) -> None:
    log = opened()
    gone = Condition(0, is_in_snapshot=False, must_exist=True)
    there = Condition(0, is_in_snapshot=True, must_exist=True)
    fresh = Condition(0, is_in_snapshot=False, must_be_new=True)
    assert isinstance(log.append([patch("a", condition=gone)])[0], NoSuchDocument)
    assert log.append([patch("a", condition=there)]) == [Written(1)]
    assert log.append([drop("a", condition=there)]) == [Written(2)]
    assert isinstance(log.append([patch("a", condition=there)])[0], NoSuchDocument)
    assert log.append([put("a", condition=fresh), patch("a", condition=gone)]) == [
        Written(3), Written(4),
    ]  # fmt: skip
    assert isinstance(log.append([put("a", condition=fresh)])[0], StaleWrite)
    # as judged from a snapshot that holds all of this
    later = Condition(4, is_in_snapshot=False, must_exist=True)
    assert isinstance(log.append([patch("a", condition=later)])[0], NoSuchDocument)


def test_a_document_is_its_newest_put_and_the_patches_behind_it(
    opened: Callable[[], DocumentLog],
) -> None:
    log = opened()
    log.append([put("a"), patch("a"), put("b"), put("a"), patch("a")])
    assert [e.seq for e in log.of_document("a", 0)] == [4, 5]
    assert [e.seq for e in log.of_document("a", 4)] == [5]
    assert log.of_document("a", 5) == []


def test_a_trimmed_log_goes_on_and_says_what_is_gone(
    opened: Callable[[], DocumentLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_log, "TRIM_BATCH", 2)
    log = opened()
    log.append([put(str(i)) for i in range(7)])
    assert log.trim(5) == 5
    assert [e.seq for e in log.read(5)] == [6, 7]
    with pytest.raises(LogTrimmed, match="begins after 5"):
        log.read(4)
    log.trim(99)
    assert log.append([put("z")]) == [Written(8)]
    with pytest.raises(LogTrimmed):
        opened().read(6)
    assert log.trim(3) == 0
    assert [e.seq for e in log.read(7)] == [8]


def test_a_lost_log_does_not_give_numbers_again_that_a_snapshot_knows(
    opened: Callable[[], DocumentLog],
) -> None:
    log = opened()
    assert log.append([put("a")], floor=100) == [Written(101)]
    assert [e.seq for e in log.read(100)] == [101]
    with pytest.raises(LogTrimmed):
        log.read(40)


def test_one_at_a_time_holds_a_lease_and_another_follows(
    opened: Callable[[], DocumentLog],
) -> None:
    first, second = opened(), opened()
    assert first.hold("indexer", "a", 60)
    assert not second.hold("indexer", "b", 60)
    assert first.hold("indexer", "a", 0)  # kept, and over at once: as of one who died
    assert second.hold("indexer", "b", 60)
    assert not first.hold("indexer", "a", 60)
    second.release("indexer", "a")  # not theirs to give up
    assert not first.hold("indexer", "a", 60)
    second.release("indexer", "b")
    assert first.hold("indexer", "a", 60)
    assert second.hold("another", "b", 60)


def test_what_a_snapshot_does_not_hold_is_counted(opened: Callable[[], DocumentLog]) -> None:
    log = opened()
    assert log.pending(0) == (0, 0, None)
    log.append([put("a"), patch("a"), patch("a"), drop("a")])
    assert log.pending(0) == (2, 2, NOW_MS)
    assert log.pending(2) == (1, 1, NOW_MS)


def test_a_store_that_is_down_is_named_and_comes_back(
    postgresql: PostgreSQL, database_url: str, tmp_path: Path
) -> None:
    log = DocumentLog.open(tmp_path, database_url)
    log.append([put("a")])
    postgresql.kill()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        log.append([put("b")])
    with pytest.raises(StoreUnavailable):
        log.read()
    postgresql.start()
    assert log.append([put("b")]) == [Written(2)]
    log.close()


def test_nobody_needs_the_store_before_it_is_used(tmp_path: Path) -> None:
    log = DocumentLog.open(tmp_path, "postgresql://duolu@127.0.0.1:1/nowhere")
    with pytest.raises(StoreUnavailable, match="does not answer"):
        log.last_seq()


@pytest.mark.parametrize("url", ["nonsense", "mysql://u:secret@h/d", ""])
def test_a_url_of_another_kind_is_refused_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"store\.url") as refused:
        DocumentLog.open(tmp_path, url)
    assert "secret" not in str(refused.value)


def test_a_full_disk_is_named_and_heals_by_itself(tmp_path: Path) -> None:
    limit = 40  # pages
    log = DocumentLog.open(tmp_path)
    log.append([put("a")])
    body = b'{"text":"' + b"x" * 100_000 + b'"}'
    with _page_limit(log, limit):
        with pytest.raises(StoreFull, match="no space left"):
            log.append([put("b", body), put("c", body)])
        assert [e.id for e in log.read()] == ["a"]
    assert log.append([put("b", body)]) == [Written(2)]


class _page_limit:
    """Lets SQLite's file grow to so many pages, as a full disk would."""

    def __init__(self, log: DocumentLog, pages: int) -> None:
        self._log, self._pages = log, pages

    def __enter__(self) -> None:
        self._limit(self._pages)

    def __exit__(self, *_: object) -> None:
        self._limit(1 << 30)

    def _limit(self, pages: int) -> None:
        database: Database = self._log._database
        with database.read() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


def test_a_file_that_is_no_database_is_an_outage_not_a_trace(tmp_path: Path) -> None:
    (tmp_path / document_log.FILE).write_bytes(os.urandom(8192))
    with pytest.raises(StoreUnavailable, match="not a database"):
        DocumentLog.open(tmp_path).last_seq()
