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
