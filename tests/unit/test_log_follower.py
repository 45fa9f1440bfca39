"""The thread that follows the document log gives way to searches, and to nobody's cost."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

from app.online.following import RESTS_S, TURN_S, LogFollower

STEPS = 6


class Rounds:
    """An engine whose log is read in steps of a few turns each; it says how long each rest was."""

    def __init__(self) -> None:
        self.reader = SimpleNamespace(wake=threading.Event())
        self.rounds: list[list[float]] = []
        self.has_news = False

    def read_log(self, pause: Any) -> bool:
        if not self.has_news:
            work(3 * TURN_S)  # to look and find nothing is work too
            return True
        rests = []
        for _ in range(STEPS):
            work(2 * TURN_S)
            started = time.monotonic()
            pause()
            rests.append(time.monotonic() - started)
        self.has_news = False
        self.rounds.append(rests)
        return True

    def publish_view(self, pause: Any) -> None:
        return None

    def next(self, is_asked: bool = False) -> list[float]:
        """Wait for a round with news, that somebody may ask for."""
        had, until = len(self.rounds), time.monotonic() + 30
        self.has_news = True
        if is_asked:
            self.reader.wake.set()
        while len(self.rounds) == had and time.monotonic() < until:
            time.sleep(0.001)
        return self.rounds[-1]


def work(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def follow(engine: Any, every_s: float) -> LogFollower:
    metrics: Any = SimpleNamespace(reached_end=lambda *_: None)
    follower = LogFollower(engine, metrics, every_s)
    follower.start()
    return follower


def test_it_rests_at_every_step_even_after_a_long_time_without_news():
    """What it did in rounds without news is no reason to rest at once for all of the next."""
    engine = Rounds()
    follower = follow(engine, 0.005)
    try:
        time.sleep(0.5)
        rests = engine.next()
    finally:
        follower.close()
    assert sum(rest > TURN_S for rest in rests) == STEPS
    assert max(rests[1:]) < RESTS_S


def test_it_does_not_rest_in_the_round_that_somebody_asked_for():
    engine = Rounds()
    follower = follow(engine, 60.0)
    try:
        rests = engine.next(is_asked=True)
    finally:
        follower.close()
    assert sum(rests) < STEPS * TURN_S
