"""The impressions' writer: whatever happens to the disk, whoever offers is never kept waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.corpus import impression_writer as w
from app.corpus.impression_log import read_impressions, write_impressions
from app.corpus.impression_writer import ImpressionWriter, WriterLimits
from app.domain.impressions import Impression
from tests.builders.drawn_impressions import make_impression
from tests.builders.requests import NOW_MS
from tests.builders.waiting import until

DAY_MS = 86_400_000


class Log:
    """A writer of impressions that are offered as their request ids, and what it counted."""

    def __init__(self, root, build=make_impression, now_ms=lambda: NOW_MS, **limits):
        self.root, self.counts = root, Counter()
        limits = {"flush_s": 0.05, **limits}
        self.writer = ImpressionWriter(root, build, WriterLimits(**limits), now_ms, self.count)

    def count(self, outcome, n):
        self.counts[outcome] += n

    def wait_for(self, outcome, n):
        until(lambda: self.counts[outcome] >= n)

    @property
    def ids(self):
        return [i.request_id for i in read_impressions(self.root)]


@contextmanager
def writing(root, *args, **kwargs) -> Iterator[Log]:
    log = Log(root, *args, **kwargs)
    log.writer.start()
    try:
        yield log
    finally:
        log.writer.close()


def test_what_is_offered_is_written_within_the_time_given(tmp_path):
    with writing(tmp_path) as log:
        assert log.writer.offer("r1", 100)
        log.wait_for(w.WRITTEN, 1)
        assert log.ids == ["r1"]


def test_closing_writes_what_is_queued(tmp_path):
    with writing(tmp_path, flush_s=3600) as log:
        for k in range(50):
            log.writer.offer(f"r{k:02}", 100)
    assert log.ids == [f"r{k:02}" for k in range(50)]
    assert log.counts == {w.WRITTEN: 50}
    assert not log.writer.offer("late", 100)
    assert log.counts[w.STOPPED] == 1


def test_a_writer_that_hangs_drops_and_counts_instead_of_waiting(tmp_path):
    goes_on = threading.Event()

    def stuck(request_id: str) -> Impression:
        goes_on.wait()
        return make_impression(request_id)

    with writing(tmp_path, stuck, max_queue=10) as log:
        taken = [log.writer.offer(f"r{k:02}", 100) for k in range(100)]
        assert 10 <= sum(taken) <= 11
        assert not any(taken[11:])
        assert log.counts[w.QUEUE_FULL] == 100 - sum(taken)
        goes_on.set()
    assert len(log.ids) == sum(taken) == log.counts[w.WRITTEN]


def test_the_queue_is_bounded_in_bytes_as_well(tmp_path):
    log = Log(tmp_path, max_queue_bytes=1_000)
    assert [log.writer.offer("r", 400) for _ in range(4)] == [True, True, False, False]
    assert log.counts == {w.QUEUE_FULL: 2}


def test_a_disk_that_hangs_is_left_behind_when_the_service_ends(tmp_path):
    goes_on = threading.Event()
    log = Log(tmp_path, lambda _: goes_on.wait() and make_impression())
    log.writer.start()
    for _ in range(3):
        log.writer.offer("r", 1)
    log.writer.close(timeout_s=0.3)
    assert log.counts[w.DISK] >= 2
    goes_on.set()


def test_a_disk_that_recovers_is_written_to_again(tmp_path):
    root = tmp_path / "impressions"
    root.write_text("in the way")
    with writing(root) as log:
        log.writer.offer("lost", 1)
        log.wait_for(w.DISK, 1)
        root.unlink()
        log.writer.offer("kept", 1)
        log.wait_for(w.WRITTEN, 1)
    assert log.ids == ["kept"]


def test_what_cannot_be_made_into_an_impression_costs_only_itself(tmp_path):
    def build(request_id: str) -> Impression:
        if request_id == "bad":
            raise KeyError(request_id)
        return make_impression(request_id)

    with writing(tmp_path, build) as log:
        for request_id in ("a", "bad", "b"):
            log.writer.offer(request_id, 1)
    assert log.ids == ["a", "b"]
    assert log.counts == {w.WRITTEN: 2, w.FAILED: 1}


def test_large_pages_are_written_before_they_fill_the_memory(tmp_path):
    wide = make_impression("r", m=100_000)
    with writing(tmp_path, lambda _: wide, flush_s=3600) as log:
        for _ in range(8):
            log.writer.offer("r", 1)
        log.wait_for(w.WRITTEN, 2)


def test_old_days_are_forgotten_at_the_start_and_when_a_day_ends(tmp_path):
    now = [NOW_MS]
    for age in (0, 1, 5):
        write_impressions(tmp_path, [make_impression(f"{age} days", NOW_MS - age * DAY_MS)])
    with writing(tmp_path, now_ms=lambda: now[0], retention_days=2) as log:
        log.writer.offer("r", 1)
        log.wait_for(w.WRITTEN, 1)
        assert set(log.ids) == {"0 days", "1 days", "r"}
        now[0] += 2 * DAY_MS
        log.writer.offer("s", 1)
        log.wait_for(w.WRITTEN, 2)
        assert set(log.ids) == {"0 days", "r", "s"}


ENDLESS = """
import sys, time
from pathlib import Path
from tests.unit.test_impression_writer import Log
log = Log(Path(sys.argv[1]), flush_s=0.001)
log.writer.start()
print("started", flush=True)
k = 0
while True:
    log.writer.offer(f"r{k:08}", 1)
    k += 1
    time.sleep(0.0005)
"""


def test_a_killed_writer_leaves_no_file_that_breaks_the_reader(tmp_path):
    broken: list[str] = []
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(tmp_path)], stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.4)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    found = list(read_impressions(tmp_path, broken=lambda f, why: broken.append(why)))
    assert len(found) > 10
    assert not broken


DIES_WRITING = """
import resource, signal, sys
from pathlib import Path
from tests.unit.test_impression_writer import Log
log = Log(Path(sys.argv[1]))
log.writer.start()
log.writer.offer("whole", 1)
log.wait_for("written", 1)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # the kernel ends the process at byte 1,001
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
log.writer.offer("half", 1)
log.writer.close()
print("survived")
"""


def test_a_process_that_dies_in_the_middle_of_a_file_leaves_no_half_of_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", DIES_WRITING, str(tmp_path)], capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (-signal.SIGXFSZ, ""), done.stderr
    [left] = tmp_path.rglob("*.unfinished")
    assert left.stat().st_size == 1000
    broken: list[str] = []
    found = list(read_impressions(tmp_path, broken=lambda f, why: broken.append(why)))
    assert [i.request_id for i in found] == ["whole"]
    assert not broken


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.unit.test_impression_writer import Log
from app.corpus import impression_writer as w
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, -1))
log = Log(Path(sys.argv[1]))
log.writer.start()
print(log.writer.offer("lost", 1))
log.wait_for(w.DISK, 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
print(log.writer.offer("kept", 1))
log.writer.close()
print(log.ids, [str(p) for p in log.root.rglob("*.unfinished")])
"""


def test_a_full_disk_drops_counts_and_goes_on(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert done.stdout.split("\n")[:3] == ["True", "True", "['kept'] []"], done.stderr


def test_a_writer_that_never_started_closes(tmp_path):
    log = Log(tmp_path)
    log.writer.close()
    assert not log.writer.offer("r", 1)


@pytest.mark.parametrize("name", w.DROPPED)
def test_every_reason_reads_as_a_label(name):
    assert name.isidentifier()
