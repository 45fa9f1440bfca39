"""What is said of a channel that answers the search, and not what explaining asks of it."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import replace

import numpy as np
import pytest

from app.domain.candidates import ChannelHits
from app.domain.query import Deadline
from app.pipeline.would_be import MAX_K, Standing, in_channels
from app.recall.crew import Crew
from app.recall.fanout import Fanout, Lane
from tests.builders import city_rows, make_context, make_snapshot

ALONE, WIDE = 1, MAX_K
K, ROW = 3, 7


class ByRow:
    """Prefers lower rows; spoils one of the calls, told by its k."""

    def __init__(self, spoilt=None, how=None):
        self.spoilt, self.how = spoilt, how

    def accepts(self, ctx):
        return True

    def recall(self, ctx, k):
        if k == self.spoilt:
            self.how()
        rows = np.arange(20, dtype=np.int32)
        rows = rows[:k] if ctx.mask is None else rows[ctx.mask.allowed[rows]][:k]
        return ChannelHits("by row", rows, 100 - rows.astype(np.float32))


def fail():
    raise ValueError("broken index")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(city_rows(20), tmp_path_factory.mktemp("would") / "s", channels=())


@pytest.fixture
def ask(snapshot, caplog):
    crew = Crew({"by row": 2})
    caplog.set_level(logging.CRITICAL)

    def go(channel):
        fanout = Fanout([Lane("by row", channel, K, 80.0, crew.berths["by row"])])
        ctx = replace(make_context(snapshot), deadline=Deadline.after_ms(60_000))

        async def told():
            hits = await fanout.recall(ctx)
            return await in_channels(fanout, ctx, hits, [ROW])

        [[found]] = asyncio.run(told())
        return found

    yield go
    crew.close(wait=True)


def test_a_channel_that_did_not_return_a_row_says_its_rank_and_score(ask):
    found = ask(ByRow())
    assert (found.standing, found.rank, found.score) == (Standing.BEYOND_K, ROW + 1, 93)


@pytest.mark.parametrize(("spoilt", "score"), [(ALONE, None), (WIDE, 93)])
@pytest.mark.parametrize("standing", [Standing.FAILED, Standing.TIMED_OUT])
def test_where_it_does_not_say_no_rank_is_made_up(ask, spoilt, score, standing):
    release = threading.Event()
    how = fail if standing is Standing.FAILED else lambda: release.wait(10)
    found = ask(ByRow(spoilt, how))
    release.set()
    assert (found.standing, found.rank, found.score) == (standing, None, score)
