"""A channel that cannot follow the document log costs itself, not the view of the others."""

import asyncio
import logging
from dataclasses import dataclass, replace

import numpy as np
import pytest

from app.domain.candidates import ChannelHits
from app.recall.crew import Crew
from app.recall.fanout import Fanout, Lane
from app.recall.following import follow_lanes
from app.snapshot.following import Following
from app.snapshot.tables import Tables
from tests.builders import make_context, make_snapshot
from tests.builders.changes import entries, put


@dataclass(frozen=True)
class Channel:
    """Finds the newest row of the view that it followed last; cannot follow to some."""

    fails_at: tuple[int, ...] = ()
    rows: int = 1

    @classmethod
    def build(cls, documents, part, config): ...

    @classmethod
    def open(cls, snapshot, tables, part, config):
        return cls()

    def accepts(self, ctx):
        return True

    def recall(self, ctx, k):
        return ChannelHits("?", np.array([self.rows - 1], np.int32), np.ones(1, np.float32))

    def follow(self, view, tables):
        if view.log_seq in self.fails_at:
            raise ZeroDivisionError("division by zero")
        return replace(self, rows=len(view))


@pytest.fixture
def answers(tmp_path, caplog):
    """What each lane says after each of three changes, and what is logged."""
    snapshot = make_snapshot([{"id": "d0", "title": "tea"}], tmp_path / "s", channels=())
    crew = Crew({"bad": 1, "well": 1})
    lanes = [Lane("bad", Channel((1, 2)), 5, 5_000, crew.berths["bad"])]
    lanes += [Lane("well", Channel(), 5, 5_000, crew.berths["well"])]
    following, said = Following(snapshot), []
    with caplog.at_level(logging.WARNING):
        for entry in entries([put({"id": f"n{i}", "title": "tea"}) for i in range(3)]):
            following.take([entry])
            view = following.at(entry.seq)
            lanes = follow_lanes(lanes, view, Tables.empty(len(view)))
            hits = asyncio.run(Fanout(lanes).recall(make_context(view, "tea")))
            said.append({h.channel: (str(h.status), h.rows.tolist()) for h in hits})
    crew.close(wait=True)
    return said, caplog.messages


def test_the_others_follow_and_it_is_named_until_it_follows_again(answers):
    said, _ = answers
    assert [each["well"] for each in said] == [("ok", [1]), ("ok", [2]), ("ok", [3])]
    assert [each["bad"] for each in said] == [("failed", []), ("failed", []), ("ok", [3])]


def test_it_is_logged_once_by_name_and_once_when_it_is_well(answers):
    assert answers[1] == [
        "channel bad fails from document change 1 on",
        "channel bad answers again from document change 3",
    ]
