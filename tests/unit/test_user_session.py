"""A session is what was done without a pause of half an hour, until now."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.user import SESSION_GAP_MS, UserState

NOW_MS = 1_760_000_000_000


def acted(*ages_ms: int) -> UserState:
    times = np.array(sorted((NOW_MS - age for age in ages_ms), reverse=True), np.int64)
    rows = np.arange(times.size, dtype=np.int32)
    return UserState("ann", rows, times, np.ones(times.size, np.float32))


@pytest.mark.parametrize(
    ("ages_ms", "count"),
    [
        ((), 0),
        ((0,), 1),
        ((SESSION_GAP_MS,), 1),
        ((SESSION_GAP_MS + 1,), 0),
        ((5, SESSION_GAP_MS, 2 * SESSION_GAP_MS), 3),
        ((5, 9, SESSION_GAP_MS + 10), 2),
    ],
)
def test_a_pause_longer_than_half_an_hour_ends_a_session(
    ages_ms: tuple[int, ...], count: int
) -> None:
    assert acted(*ages_ms).in_session(NOW_MS) == count


@given(st.lists(st.integers(0, 5 * SESSION_GAP_MS), max_size=12))
def test_a_session_is_that_of_a_plain_loop(ages_ms: list[int]) -> None:
    expected, last = 0, 0
    for age in sorted(ages_ms):
        if age - last > SESSION_GAP_MS:
            break
        expected, last = expected + 1, age
    assert acted(*ages_ms).in_session(NOW_MS) == expected
