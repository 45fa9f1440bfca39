"""A dead ranker is asked rarely, a recovered one at once."""

from app.rank.breaker import Breaker


def fail(breaker: Breaker, times: int, now_s: float = 0.0) -> None:
    for _ in range(times):
        assert breaker.lets_through(now_s)
        breaker.failed(now_s)


def test_it_opens_after_so_many_failures_in_a_row():
    breaker = Breaker(failures=3, rest_s=1.0)
    fail(breaker, 3)
    assert not breaker.lets_through(0.5)


def test_a_success_between_failures_keeps_it_closed():
    breaker = Breaker(failures=3, rest_s=1.0)
    for _ in range(5):
        fail(breaker, 2)
        breaker.succeeded()
    assert breaker.lets_through(0.0)


def test_while_open_one_call_a_rest_finds_out():
    breaker = Breaker(failures=3, rest_s=1.0)
    fail(breaker, 3)
    assert breaker.lets_through(1.0)
    assert not breaker.lets_through(1.0)
    breaker.failed(1.2)
    assert not breaker.lets_through(2.1)
    assert breaker.lets_through(2.2)
    breaker.succeeded()
    assert all(breaker.lets_through(2.2) for _ in range(10))


def test_a_probe_that_takes_longer_than_a_rest_stays_the_only_one():
    breaker = Breaker(failures=3, rest_s=1.0)
    fail(breaker, 3)
    assert breaker.lets_through(1.0)
    assert not any(breaker.lets_through(now_s) for now_s in (2.0, 9.0, 99.0))


def test_a_probe_that_nobody_waited_for_lets_the_next_one_ask():
    breaker = Breaker(failures=3, rest_s=1.0)
    fail(breaker, 3)
    assert breaker.lets_through(1.0)
    breaker.abandoned()
    assert breaker.lets_through(1.0)


def test_a_hurried_call_is_no_probe():
    breaker = Breaker(failures=3, rest_s=1.0)
    assert breaker.lets_through(0.0, is_patient=False)
    breaker.abandoned()
    fail(breaker, 3)
    assert not breaker.lets_through(5.0, is_patient=False)
    assert breaker.lets_through(5.0)


def test_calls_from_before_it_opened_do_not_lengthen_the_rest():
    breaker = Breaker(failures=3, rest_s=1.0)
    for _ in range(9):
        assert breaker.lets_through(0.0)
    for now_s in (0.1, 0.1, 0.2, 0.9, 0.9, 0.9):
        breaker.failed(now_s)
    assert breaker.lets_through(1.2)
