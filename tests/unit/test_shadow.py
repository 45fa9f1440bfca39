"""The shadow's queue: whatever the shadow does, every search goes on to the log, once."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from app.pipeline import shadow as module
from app.pipeline.impressions import Seen
from app.pipeline.shadow import FAILED, LATE, NOT_OPEN, QUEUE_FULL, SCORED, STOPPED, Shadow
from app.rank.ranker import Ranking
from app.rank.shadow import ShadowScores
from tests.builders import city_rows, make_snapshot
from tests.builders.rank_calls import make_call
from tests.builders.waiting import until


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    snapshot = make_snapshot(city_rows(30), tmp_path_factory.mktemp("s") / "s", channels=())
    ctx, candidates = make_call(snapshot, "m1", n=10)
    ranking = Ranking(candidates.fused)
    return Seen(ctx, candidates, ranking, np.arange(5), "m1", (), None, None)


class Moody:
    """A ranker that scores, hangs, fails or is not there, as it is told."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.entered = threading.Event()
        self.mood = "well"
        self.is_closed = False

    def score(self, ctx, candidates):
        self.entered.set()
        assert self.goes_on.wait(30)
        if self.mood == "ill":
            raise RuntimeError("on purpose")
        scores = np.arange(len(candidates), dtype=np.float32)
        return None if self.mood == "away" else ShadowScores("s1", scores)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def running(seen):
    ranker, passed, counted = Moody(), [], Counter()
    shadow = Shadow(ranker, passed.append, 3, lambda outcome: counted.update([outcome]))
    shadow.start()
    yield shadow, ranker, passed, counted
    ranker.goes_on.set()
    shadow.close()


def test_searches_go_on_with_scores_in_their_order(running, seen):
    shadow, ranker, passed, counted = running
    names = ["first", "second", "third"]
    for name in names:
        assert shadow.offer(replace(seen, ctx=replace(seen.ctx, request_id=name)))
    until(lambda: len(passed) == 3)
    assert [one.ctx.request_id for one in passed] == names
    for one in passed:
        assert one.shadow.release_id == "s1"
        assert one.shadow.scores.tolist() == list(range(10))
    shadow.close()
    assert ranker.is_closed
    assert counted == {SCORED: 3}


def test_a_shadow_that_hangs_fills_its_queue_and_holds_nobody_up(running, seen):
    shadow, ranker, passed, counted = running
    ranker.goes_on.clear()
    assert shadow.offer(seen)
    assert ranker.entered.wait(30)
    assert [shadow.offer(seen) for _ in range(5)] == [True] * 3 + [False] * 2
    assert counted[QUEUE_FULL] == 2
    ranker.goes_on.set()
    shadow.close()
    assert len(passed) == 4
    assert counted[SCORED] + counted[STOPPED] == 4


@pytest.mark.parametrize(("mood", "outcome"), [("ill", FAILED), ("away", NOT_OPEN)])
def test_a_shadow_that_fails_or_is_not_there_costs_no_impression(running, seen, mood, outcome):
    shadow, ranker, passed, counted = running
    ranker.mood = mood
    ranker.goes_on.clear()
    for _ in range(2):
        assert shadow.offer(seen)
    assert ranker.entered.wait(30)
    ranker.goes_on.set()
    shadow.close()
    assert [p.shadow for p in passed] == [None, None]
    assert counted[outcome] >= 1


def test_what_waited_too_long_goes_on_without_scores(running, seen, monkeypatch):
    shadow, ranker, passed, counted = running
    ranker.goes_on.clear()
    assert shadow.offer(seen)
    assert ranker.entered.wait(30)
    monkeypatch.setattr(module, "LATE_S", -1.0)
    done = threading.Event()
    shadow._pass_on = lambda s: (passed.append(s), len(passed) == 2 and done.set())
    assert shadow.offer(seen)
    ranker.goes_on.set()
    assert done.wait(30)
    assert passed[1].shadow is None
    assert counted[LATE] == 1


def test_after_the_end_the_caller_keeps_what_it_offers(running, seen):
    shadow, _, passed, counted = running
    shadow.close()
    assert not shadow.offer(seen)
    assert (passed, counted[STOPPED]) == ([], 1)
