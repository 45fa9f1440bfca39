"""Callers who write at the same time share transactions, and each gets its own answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import pytest

from app.corpus.group_commit import GroupCommit
from app.domain.errors import StoreFull, StoreUnavailable


class Disk:
    """Takes batches when it is let, and remembers them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.is_free = threading.Event()
        self.is_asked = threading.Event()
        self.error: Exception | None = None

    def commit(self, works: Sequence[int]) -> list[int]:
        self.is_asked.set()
        self.is_free.wait(30)
        if self.error is not None:
            raise self.error
        if -1 in works:
            raise ValueError("this work is broken")
        self.batches.append(list(works))
        return [10 * w for w in works]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def writer(disk: Disk) -> Iterator[GroupCommit[int, int]]:
    writer: GroupCommit[int, int] = GroupCommit(disk.commit, lambda w: 1, 3, max_waiting=5)
    writer.start()
    yield writer
    disk.is_free.set()
    writer.close()


def submit_behind_a_first(
    writer: GroupCommit[int, int], disk: Disk, works: Sequence[int]
) -> list[Future[int]]:
    """Queue works while the disk is busy with another."""
    first = writer.submit(0)
    disk.is_asked.wait(30)
    return [first, *map(writer.submit, works)]


def test_what_waits_shares_a_transaction_of_limited_weight(
    writer: GroupCommit[int, int], disk: Disk
) -> None:
    futures = submit_behind_a_first(writer, disk, [1, 2, 3, 4])
    disk.is_free.set()
    assert [f.result(30) for f in futures] == [0, 10, 20, 30, 40]
    assert disk.batches == [[0], [1, 2, 3], [4]]


def test_more_than_may_wait_is_refused_at_once(writer: GroupCommit[int, int], disk: Disk) -> None:
    submit_behind_a_first(writer, disk, [1, 2, 3, 4, 5])
    with pytest.raises(StoreUnavailable, match="5 writes waiting"):
        writer.submit(6)


def test_an_outage_is_everybodys(writer: GroupCommit[int, int], disk: Disk) -> None:
    disk.error = StoreFull("no space")
    futures = submit_behind_a_first(writer, disk, [1, 2])
    disk.is_free.set()
    for future in futures:
        with pytest.raises(StoreFull):
            future.result(30)
    disk.error = None
    assert writer.submit(7).result(30) == 70


def test_a_broken_work_fails_alone(writer: GroupCommit[int, int], disk: Disk) -> None:
    first, good, broken, other = submit_behind_a_first(writer, disk, [1, -1, 2])
    disk.is_free.set()
    assert [f.result(30) for f in (first, good, other)] == [0, 10, 20]
    with pytest.raises(ValueError, match="broken"):
        broken.result(30)


def test_who_gave_up_in_time_writes_nothing(writer: GroupCommit[int, int], disk: Disk) -> None:
    _, impatient, patient = submit_behind_a_first(writer, disk, [1, 2])
    assert impatient.cancel()
    disk.is_free.set()
    assert patient.result(30) == 20
    assert disk.batches == [[0], [2]]


def test_closing_writes_what_waits_and_takes_no_more(disk: Disk) -> None:
    writer: GroupCommit[int, int] = GroupCommit(disk.commit, lambda w: 1, 3, max_waiting=5)
    writer.start()
    futures = submit_behind_a_first(writer, disk, [1, 2])
    disk.is_free.set()
    writer.close()
    assert [f.result(0) for f in futures] == [0, 10, 20]
    with pytest.raises(StoreUnavailable, match="closing"):
        writer.submit(3)
