"""Channels side by side: a slow one costs itself."""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from app.domain.candidates import ChannelHits
from app.domain.query import Deadline
from app.recall.fanout import Fanout, Lane

TIMEOUT_MS = 80


class Channel:
    """Answers as it is told to."""

    def __init__(self, answer=None, accepts=True):
        self.answer = answer or (lambda: None)
        self.accepting = accepts

    def accepts(self, ctx):
        return self.accepting

    def recall(self, ctx, k):
        self.answer()
        return ChannelHits("?", np.arange(3, dtype=np.int32), np.array([3, 2, 1], np.float32))


@pytest.fixture
def run():
    pools = []

    def go(channels, queries=1, deadline_ms=60_000):
        lanes = []
        for name, channel in channels.items():
            pools.append(ThreadPoolExecutor(2))
            lanes.append(Lane(name, channel, 10, TIMEOUT_MS, pools[-1]))
        fanout = Fanout(lanes)

        async def ask():
            ctx = SimpleNamespace(deadline=Deadline.after_ms(deadline_ms), request_id="test")
            return await fanout.recall(ctx)

        async def all_():
            return [await ask() for _ in range(queries)]

        return asyncio.run(all_())

    yield go
    for pool in pools:
        pool.shutdown(wait=True)


def statuses(hits):
    return {h.channel: str(h.status) for h in hits}


def test_answers_come_in_configuration_order_whichever_was_first(run):
    slow = Channel(lambda: threading.Event().wait(0.03))
    [hits] = run({"b": slow, "a": Channel(), "c": Channel()})
    assert [h.channel for h in hits] == ["b", "a", "c"]
    assert set(statuses(hits).values()) == {"ok"}
    assert hits[0].elapsed_ms >= 30


def test_a_stuck_channel_does_not_starve_the_others(run):
    release = threading.Event()
    stuck = Channel(lambda: release.wait(10))
    answers = run({"stuck": stuck, "well": Channel()}, queries=6)
    release.set()
    assert [statuses(a)["stuck"] for a in answers] == ["timed_out"] * 6
    assert [statuses(a)["well"] for a in answers] == ["ok"] * 6


def test_a_call_that_never_got_a_thread_never_runs(run):
    release, started = threading.Event(), []
    stuck = Channel(lambda: (started.append(1), release.wait(10)))
    run({"stuck": stuck, "well": Channel()}, queries=6)
    release.set()
    assert len(started) == 2  # as many as the lane has threads


def test_a_failing_channel_is_named_and_the_others_answer(run, caplog):
    def fail():
        raise ValueError("broken index")

    with caplog.at_level(logging.CRITICAL):
        [hits] = run({"bad": Channel(fail), "well": Channel()})
    assert statuses(hits) == {"bad": "failed", "well": "ok"}
    assert hits[0].rows.size == 0


def test_a_channel_that_does_not_accept_is_skipped_without_a_thread(run):
    [hits] = run({"no": Channel(accepts=False), "well": Channel()})
    assert statuses(hits) == {"no": "skipped", "well": "ok"}


def test_all_skipped_answers_at_once(run):
    [hits] = run({"no": Channel(accepts=False)})
    assert statuses(hits) == {"no": "skipped"}


def test_the_requests_deadline_ends_before_the_channels_own(run):
    slow = Channel(lambda: threading.Event().wait(0.06))
    [hits] = run({"slow": slow}, deadline_ms=10)
    assert statuses(hits) == {"slow": "timed_out"}
