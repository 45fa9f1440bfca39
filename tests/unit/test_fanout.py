"""Channels side by side: a slow one costs itself."""

import asyncio
import gc
import logging
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from app.domain.candidates import ChannelHits
from app.domain.query import Deadline
from app.recall import fanout as fanout_module
from app.recall.crew import Crew
from app.recall.fanout import Fanout, Lane, Then

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
    crews = []

    def go(
        channels, queries=1, deadline_ms=60_000, then=None, timeout_ms=TIMEOUT_MS, only=None,
        busy=None,
    ):  # fmt: skip
        crew = Crew({**dict.fromkeys(channels, 2), "then": 1})
        crews.append(crew)
        for _ in range(2 * len(channels) + 1 if busy else 0):
            crew.put(lambda: busy.wait(10))  # every thread of the crew
        fanout = Fanout([Lane(n, c, 10, timeout_ms, crew.berths[n]) for n, c in channels.items()])
        follows = then and Then(then, crew.berths["then"])

        async def ask():
            ctx = SimpleNamespace(deadline=Deadline.after_ms(deadline_ms), request_id="test")
            return await (fanout.run(ctx, only, follows) if follows else fanout.recall(ctx))

        async def all_():
            return [await ask() for _ in range(queries)]

        return asyncio.run(all_())

    yield go
    for crew in crews:
        crew.close(wait=True)


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


def test_what_follows_lanes_that_were_all_late_waits_for_none_of_them(run):
    release, started = threading.Event(), []
    threading.Timer(0.1, release.set).start()
    late = Channel(lambda: started.append(1))
    [(hits, value)] = run({"a": late, "b": late}, timeout_ms=20, then=len, busy=release)
    assert value == len(hits) == 2
    assert not started


def test_a_channel_that_answers_something_odd_is_named_and_costs_no_thread(run, caplog):
    odd = Channel()
    odd.recall = lambda ctx, k: SimpleNamespace(rows=np.zeros(1), scores=np.zeros(1))
    with caplog.at_level(logging.CRITICAL):
        answers = run({"odd": odd, "well": Channel()}, queries=8)
    assert [statuses(a) for a in answers] == [{"odd": "failed", "well": "ok"}] * 8


def test_a_failing_channel_is_named_and_the_others_answer(run, caplog):
    def fail():
        raise ValueError("broken index")

    with caplog.at_level(logging.CRITICAL):
        [hits] = run({"bad": Channel(fail), "well": Channel()})
    assert statuses(hits) == {"bad": "failed", "well": "ok"}
    assert hits[0].rows.size == 0


def test_a_channel_that_does_not_accept_is_skipped(run):
    [hits] = run({"no": Channel(accepts=False), "well": Channel()})
    assert statuses(hits) == {"no": "skipped", "well": "ok"}


def test_all_skipped_answers_at_once(run):
    [hits] = run({"no": Channel(accepts=False)})
    assert statuses(hits) == {"no": "skipped"}


def test_the_requests_deadline_ends_before_the_channels_own(run):
    slow = Channel(lambda: threading.Event().wait(0.06))
    [hits] = run({"slow": slow}, deadline_ms=10)
    assert statuses(hits) == {"slow": "timed_out"}


def test_healthy_channels_behind_a_stuck_one_on_its_thread_get_another(run):
    """Each thread of the request begins with a stuck channel, and neither is waited for."""
    release = threading.Event()
    stuck = {name: Channel(lambda: release.wait(10)) for name in ("stuck", "too")}
    answers = run({**stuck, "well": Channel(), "good": Channel()}, 3, timeout_ms=400)
    release.set()
    for hits in answers:
        assert statuses(hits) == {
            "stuck": "timed_out", "too": "timed_out", "well": "ok", "good": "ok",
        }  # fmt: skip
        assert all(h.elapsed_ms < 400 for h in hits if h.status == "ok")


def test_what_follows_gets_all_hits_on_a_thread_and_its_answer_comes_back(run):
    seen = []

    def then(hits):
        seen.append(threading.current_thread().name)
        return len(hits)

    [(hits, answer)] = run({"a": Channel(), "b": Channel(accepts=False)}, then=then)
    assert answer == len(hits) == 2
    assert seen[0].startswith("crew")


def test_what_follows_comes_after_late_channels_and_after_none(run):
    release = threading.Event()
    [(hits, answer)] = run({"stuck": Channel(lambda: release.wait(10))}, then=statuses)
    release.set()
    assert answer == statuses(hits) == {"stuck": "timed_out"}
    assert run({"no": Channel(accepts=False)}, then=statuses)[0][1] == {"no": "skipped"}


def test_what_follows_is_not_waited_for_past_the_deadline(run):
    release = threading.Event()
    answers = run({"a": Channel()}, 3, 300, then=lambda _: release.wait(10))
    release.set()
    assert [answer for _, answer in answers] == [None] * 3
    assert [statuses(hits) for hits, _ in answers] == [{"a": "ok"}] * 3


def test_what_follows_may_raise(run):
    def fail(hits):
        raise LookupError("nothing serves")

    with pytest.raises(LookupError, match="nothing serves"):
        run({"a": Channel()}, then=fail)


def test_a_channel_that_fails_to_tell_whether_it_is_asked_is_named(run, caplog):
    class Undecided(Channel):
        def accepts(self, ctx):
            raise ValueError("broken tables")

    with caplog.at_level(logging.CRITICAL):
        [hits] = run({"bad": Undecided(), "well": Channel()})
    assert statuses(hits) == {"bad": "failed", "well": "ok"}


def test_a_call_that_is_late_leaves_the_line_and_holds_nothing():
    """Else a channel that is stuck for long keeps every request of that time in memory."""
    crew, release = Crew({"stuck": 1, "well": 1}), threading.Event()
    channels = {"stuck": Channel(lambda: release.wait(10)), "well": Channel()}
    fanout = Fanout([Lane(n, c, 10, 20, crew.berths[n]) for n, c in channels.items()])

    async def ask(count):
        masks = []
        for _ in range(count):
            ctx = SimpleNamespace(deadline=Deadline.after_ms(1_000), request_id="test")
            ctx.mask = np.ones(8, np.bool_)
            masks.append(weakref.ref(ctx.mask))
            assert statuses(await fanout.recall(ctx))["stuck"] == "timed_out"
            del ctx
        return masks

    masks = asyncio.run(ask(6))
    gc.collect()
    held = sum(mask() is not None for mask in masks)
    release.set()
    crew.close(wait=True)
    assert held == 1  # by the call that is stuck


def test_what_follows_on_no_lane_at_all_is_not_waited_for_past_the_deadline(run):
    release = threading.Event()
    waited = threading.Timer(5, release.set)
    waited.start()
    [(hits, answer)] = run({"a": Channel()}, deadline_ms=50, then=lambda _: release.wait(), only=())
    assert (hits, answer, release.is_set()) == ((), None, False)
    waited.cancel()
    release.set()


def test_a_lane_that_has_been_slow_of_late_does_not_keep_the_others_waiting(monkeypatch):
    """The slow one waits for the other, which only a second thread can do, before patience ends."""
    monkeypatch.setattr(fanout_module, "PATIENCE_S", 30)
    crew, was_asked = Crew({"slow": 1, "well": 1}), threading.Event()
    channels = {"slow": Channel(lambda: was_asked.wait(10)), "well": Channel(was_asked.set)}
    fanout = Fanout([Lane(n, c, 10, 20_000, crew.berths[n]) for n, c in channels.items()])
    for _ in range(20):
        crew.berths["slow"].learn(took_ms=1.5)

    async def ask():
        ctx = SimpleNamespace(deadline=Deadline.after_ms(60_000), request_id="test")
        return await fanout.recall(ctx)

    hits = asyncio.run(ask())
    crew.close(wait=True)
    assert statuses(hits) == {"slow": "ok", "well": "ok"}
    assert hits[0].elapsed_ms < 9_000


def test_a_channel_whose_rows_and_scores_differ_in_number_is_named(run, caplog):
    class Misfit(Channel):
        def recall(self, ctx, k):
            return ChannelHits("?", np.arange(3, dtype=np.int32), np.zeros(2, np.float32))

    with caplog.at_level(logging.CRITICAL):
        [hits] = run({"bad": Misfit(), "well": Channel()})
    assert statuses(hits) == {"bad": "failed", "well": "ok"}
