"""Threads that lanes share: each lane its own places, lines in order, and no thread ever lost."""

import logging
import threading
from functools import partial

import pytest

from app.recall.crew import Crew


def test_work_that_raises_costs_the_crew_no_thread(caplog):
    crew, done = Crew({"a": 1}), threading.Event()

    def fail():
        raise SystemExit

    with caplog.at_level(logging.CRITICAL):
        crew.put(fail)
        crew.put(done.set)
        assert done.wait(5)
    crew.close(wait=True)


def test_a_berth_never_holds_more_threads_than_its_places_and_does_all_work():
    crew = Crew({"few": 2, "many": 6})
    lock, now, most = threading.Lock(), [0], [0]

    def work(i):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.0002)
        with lock:
            now[0] -= 1
        return i

    calls = [crew.berths["few"].submit(work, i) for i in range(500)]
    assert [c.result(10) for c in calls] == list(range(500))
    assert most[0] == 2
    crew.close(wait=True)


def test_a_lane_is_as_slow_as_its_quickest_call_of_late():
    berth = Crew({"a": 1}).berths["a"]
    for took_ms in [9.0] * 5 + [0.3] + [9.0] * 2:
        berth.learn(took_ms)
    assert berth.pace_ms == pytest.approx(0.5)


def test_who_finds_no_place_is_served_in_the_order_of_coming():
    crew, ended, done = Crew({"one": 1, "more": 3}), threading.Event(), []
    berth = crew.berths["one"]
    assert berth.enter()
    for i in range(50):
        berth.wait(partial(done.append, i))
    berth.wait(ended.set)
    assert not berth.enter()
    berth.leave()
    assert ended.wait(10)
    assert done == list(range(50))
    crew.close(wait=True)


def test_a_job_that_left_the_line_is_forgotten_without_being_written_out():
    """Writing out a lane's arrays takes a millisecond, of every request on a busy machine."""
    written = []

    class Job:
        def __call__(self):
            return None

        def __repr__(self):
            written.append(self)
            return "job"

    Crew({"a": 1}).berths["a"].forget(Job())
    assert not written
