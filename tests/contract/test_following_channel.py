"""What every recall channel owes on a view: newer rows beside its own, and nothing that is dead."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from app.domain.dotted import load
from app.domain.filters import OneOf, Range
from app.recall.channel import FollowingChannel
from app.settings import Settings
from app.snapshot.asking import long_term
from app.snapshot.following import Following
from app.snapshot.following_tables import FollowingTables
from app.snapshot.people import user_state
from app.snapshot.tables import Tables
from tests.builders import city_rows, make_context, make_snapshot
from tests.builders.behaviour import make_events, make_sessions, make_tables
from tests.builders.changes import delete, entries, patch, put, random_changes

SETTINGS = Settings.load(Path("config/search.toml"), environment={})
FOUND_BY_CONTENT = ("lexical", "vector", "geo", "profile", "popular", "structured")
CHANNELS = [pytest.param(n, id=n) for n in SETTINGS.channels]
ROWS = city_rows(300)
HERE = (31.2, 121.45)
TEXT = "老灶 火锅 garden 评分3分以上"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    snapshot = make_snapshot(ROWS, folder / "snapshot")
    return snapshot, make_tables(
        snapshot, make_events(make_sessions(snapshot), folder / "events.db")
    )


def opened(name, snapshot, tables):
    own = SETTINGS.channels[name].own
    return load(SETTINGS.channels[name].kind).open(snapshot, tables, snapshot.part(name), own)


def followed(name, world, changes):
    """The channel, the view and its tables after these changes."""
    snapshot, tables = world
    following, log = Following(snapshot), entries(changes)
    following.take(log)
    view = following.at(log[-1].seq)
    seen = FollowingTables(tables).at(view)
    channel = opened(name, *world)
    assert isinstance(channel, FollowingChannel)
    return channel.follow(view, seen), view, seen


def ask(view, tables, filters=None, text=TEXT):
    user = long_term_user(tables, view)
    return make_context(view, text, tables=tables, user=user, origin=HERE, filters=filters)


def long_term_user(tables, view):
    return user_state(long_term(tables, "u3", None), tables, view.documents, 2**60)


def scores_of(hits):
    return dict(zip(hits.rows.tolist(), hits.scores.tolist(), strict=True))


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("filters", [None, Range("price", 30.0, 90.0)])
def test_hits_are_alive_allowed_and_ordered(name, seed, filters, world):
    channel, view, tables = followed(name, world, random_changes(ROWS[:60], 80, seed))
    ctx = ask(view, tables, filters)
    many, few = channel.recall(ctx, 1000), channel.recall(ctx, 20)
    assert ctx.mask is not None  # something is dead
    assert ctx.mask.allowed[many.rows].all()
    order = list(zip((-many.scores).tolist(), many.rows.tolist(), strict=True))
    assert order == sorted(order)
    assert len(set(many.rows.tolist())) == many.rows.size
    assert few.rows.tolist() == many.rows[:20].tolist()


@pytest.mark.parametrize("name", [pytest.param(n, id=n) for n in FOUND_BY_CONTENT])
def test_a_newer_copy_scores_as_its_original_does(name, world):
    copies = [put({**row, "id": f"copy-{row['id']}"}) for row in ROWS[:40]]
    channel, view, _ = followed(name, world, copies)
    nothing = Tables.empty(len(view))  # what people did is the original's alone
    snapshot, _ = world
    channel = opened(name, snapshot, Tables.empty(len(snapshot))).follow(view, nothing)
    user = replace(long_term_user(world[1], snapshot), rows=np.arange(3, dtype=np.int32))
    ctx = make_context(view, TEXT, tables=nothing, user=user, origin=HERE)
    scores = scores_of(channel.recall(ctx, 1000))
    pairs = [(row, len(snapshot) + row) for row in range(40)]
    assert any(row in scores for row, _ in pairs)
    for row, copy in pairs:
        assert (row in scores) == (copy in scores)
        # profile adds up in another order
        assert scores.get(row, 0.0) == pytest.approx(scores.get(copy, 0.0), rel=1e-6)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_document_put_back_as_it_was_is_found_as_before(name, world):
    snapshot, tables = world
    before = opened(name, snapshot, tables).recall(ask(snapshot, tables), 1000)
    changes = [c for row in ROWS[:30] for c in (delete(row["id"]), put(row))]
    channel, view, seen = followed(name, world, changes)
    after = channel.recall(ask(view, seen), 1000)
    ids, new = snapshot.documents.ids.strings, view.documents.ids.strings
    was = dict(zip((ids[r] for r in before.rows), before.scores.tolist(), strict=True))
    now = dict(zip((new[r] for r in after.rows), after.scores.tolist(), strict=True))
    assert now == pytest.approx(was, rel=1e-5)


@pytest.mark.parametrize("name", CHANNELS)
def test_what_is_deleted_is_not_found(name, world):
    snapshot, tables = world
    first = opened(name, snapshot, tables).recall(ask(snapshot, tables), 10).rows.tolist()
    ids = snapshot.documents.ids.strings
    channel, view, seen = followed(name, world, [delete(ids[row]) for row in first])
    assert not set(channel.recall(ask(view, seen), 1000).rows.tolist()) & set(first)


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("filters", [None, Range("price", 30.0, 90.0)])
def test_view_by_view_a_channel_finds_what_it_finds_at_once(name, filters, world):
    """Also where two go on from one, and whoever kept an older view of it sees that."""
    following, log = Following(world[0]), entries(random_changes(ROWS[:60], 120, 7))
    tables, first = FollowingTables(world[1]), opened(name, *world)
    channel, kept = first, []
    for start, end in pairwise([0, 30, 31, 75, 90, 120]):
        following.take(log[start:end])
        view = following.at(end)
        seen = tables.at(view)
        channel, at_once = channel.follow(view, seen), first.follow(view, seen)
        kept.append((channel, ask(view, seen, filters), at_once))
    for channel, ctx, at_once in kept:
        fresh = opened(name, *world).follow(ctx.snapshot, ctx.tables).recall(ctx, 1000)
        for hits in (channel.recall(ctx, 1000), at_once.recall(ctx, 1000)):
            assert hits.rows.tolist() == fresh.rows.tolist()
            assert hits.scores.tobytes() == fresh.scores.tobytes()


@pytest.mark.parametrize("name", ["popular", "profile", "structured"])
def test_a_number_changed_in_place_moves_its_document(name, world):
    snapshot, _ = world
    nothing = Tables.empty(len(snapshot))
    plain = opened(name, snapshot, nothing)
    last = plain.recall(ask(snapshot, world[1]), 1000).rows[-1]
    id_ = snapshot.documents.ids.strings[int(last)]
    following = Following(snapshot)
    following.take(entries([patch(id_, popularity=1e6, rating=5.0, price=60.0)]))
    view = following.at(1)
    ctx = ask(view, world[1])
    before, after = (
        scores_of(plain.recall(ctx, 1000)),
        scores_of(plain.follow(view, nothing).recall(ctx, 1000)),
    )
    assert after[int(last)] > before[int(last)]
    del before[int(last)], after[int(last)]
    assert after == before


@pytest.mark.parametrize("name", CHANNELS)
def test_a_filter_on_a_new_value_finds_the_new_document(name, world):
    row = {**ROWS[0], "id": "opened-today", "brand": "never seen"}
    channel, view, seen = followed(name, world, [put(row)])
    ctx = ask(view, seen, OneOf("brand", ("never seen",)))
    found = channel.recall(ctx, 10).rows.tolist()
    assert found in ([len(world[0])], []) if name in ("behaviour", "embedding") else [len(world[0])]
