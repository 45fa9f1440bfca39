"""The limit of requests in flight follows what the process can answer in time."""

from __future__ import annotations

import heapq
from contextlib import ExitStack

import pytest

from app.online.admission import LEAST, Admission, Overloaded


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def overload(admission: Admission, clock: Clock, seconds: float, rate: int, capacity: int) -> list:
    """Arrivals at `rate` a second on a process that shares `capacity` answers a second among all.

    Returns the latencies of those that were let in.
    """
    running: list = []
    latencies, arrived, until_s = [], 0, clock.now_s + seconds
    while clock.now_s < until_s:
        arrival_s = arrived / rate
        if running and running[0][0] <= arrival_s:
            clock.now_s, _, began_s, stack = heapq.heappop(running)
            latencies.append(clock.now_s - began_s)
            stack.close()
            continue
        clock.now_s, arrived = arrival_s, arrived + 1
        stack = ExitStack()
        try:
            stack.enter_context(admission.enter())
        except Overloaded:
            continue
        busy_s = admission.in_flight / capacity
        heapq.heappush(running, (clock.now_s + busy_s, arrived, clock.now_s, stack))
    return latencies


def test_under_overload_those_let_in_are_in_time_and_the_rest_is_turned_away_at_once():
    clock = Clock()
    admission = Admission(64, target_s=0.2, clock=clock)
    overload(admission, clock, 10.0, rate=1_000, capacity=100)
    assert admission.shed > 5_000
    assert LEAST <= admission.limit < 30
    clock_before = clock.now_s
    later = Admission(64, target_s=0.2, clock=clock)
    later.limit = admission.limit
    clock.now_s = 0.0
    latencies = overload(later, clock, clock_before, rate=1_000, capacity=100)
    late = sum(latency > 0.2 for latency in latencies)
    assert late < len(latencies) / 5


def test_what_a_process_can_do_it_is_given():
    clock = Clock()
    admission = Admission(64, target_s=0.5, clock=clock)
    latencies = overload(admission, clock, 5.0, rate=200, capacity=2_000)
    assert admission.shed == 0
    assert admission.limit == 64
    assert len(latencies) > 900


def test_it_recovers_when_the_load_is_gone():
    clock = Clock()
    admission = Admission(32, target_s=0.2, clock=clock)
    admission.limit = LEAST
    for _ in range(2_000):
        with ExitStack() as places:
            for _ in range(int(admission.limit)):
                places.enter_context(admission.enter())
            clock.now_s += 0.01
    assert admission.limit == 32


@pytest.mark.parametrize(("beside", "limit"), [(1, 64), (LEAST, 64), (LEAST + 1, LEAST)])
def test_one_slow_request_takes_no_place_from_others_where_there_was_no_concurrency_to_blame(
    beside, limit
):
    clock = Clock()
    admission = Admission(64, target_s=0.2, clock=clock)
    with ExitStack() as places:
        for _ in range(beside - 1):
            places.enter_context(admission.enter())
        with admission.enter():
            clock.now_s += 9.0
        assert admission.limit == limit


def test_a_lone_timeout_takes_no_place_from_others():
    admission = Admission(64, target_s=100.0)
    with pytest.raises(TimeoutError):
        time_out_together(admission, 1)
    assert admission.limit == 64


def test_a_round_that_was_late_counts_once():
    clock = Clock()
    admission = Admission(64, target_s=0.2, clock=clock)
    with ExitStack() as places:
        for _ in range(50):
            places.enter_context(admission.enter())
        clock.now_s += 1.0
    assert admission.limit == pytest.approx(50 * 0.8, abs=1)
    assert admission.in_flight == 0


def test_a_timeout_was_late_whenever_it_came():
    admission = Admission(64, target_s=100.0)
    with pytest.raises(TimeoutError):
        time_out_together(admission, 20)
    assert admission.limit == pytest.approx(20 * 0.8, abs=1)


def time_out_together(admission: Admission, requests: int) -> None:
    with ExitStack() as places:
        for _ in range(requests):
            places.enter_context(admission.enter())
        raise TimeoutError


def test_beyond_the_limit_it_says_so():
    admission = Admission(1, target_s=1.0)
    with admission.enter(), pytest.raises(Overloaded, match="1 requests"), admission.enter():
        pass
    assert (admission.shed, admission.in_flight) == (1, 0)
