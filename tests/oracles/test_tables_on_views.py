"""Tables follow a view: what was learned of a document stands at its newest row, and only there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.snapshot.following import Following
from app.snapshot.following_tables import FollowingTables
from app.snapshot.tables import Tables
from app.snapshot.visible import visible_rows
from tests.builders import city_rows, make_snapshot
from tests.builders.behaviour import make_events, make_sessions, make_tables
from tests.builders.changes import delete, entries, put, random_changes

ROWS = city_rows(60)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A snapshot of 60 of 80 documents, and what was learned of all 80."""
    folder = tmp_path_factory.mktemp("tables")
    everything = make_snapshot(city_rows(80), folder / "all", channels=())
    events = make_events(make_sessions(everything), folder / "events.db")
    snapshot = make_snapshot(ROWS, folder / "some", channels=())
    return snapshot, make_tables(snapshot, events)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_tables_of_a_view_are_those_that_would_be_opened_on_it(world, seed):
    snapshot, tables = world
    following, follower = Following(snapshot), FollowingTables(tables)
    log = entries(random_changes(city_rows(80), 50, seed))
    for end in (20, 50):
        following.take(log[following.seq : end])
        view = following.at(end)
        here = follower.at(view)
        opened = Tables.of(tables.learned, tables.manifest, view.documents)
        assert here.row_of.tolist() == opened.row_of.tolist()
        mask = visible_rows(None, view)
        alive = np.arange(len(view)) if mask is None else np.flatnonzero(mask.allowed)
        assert here.ordinal_of[alive].tolist() == opened.ordinal_of[alive].tolist()
        for name, column in here.counters.items():
            assert column[alive].tobytes() == opened.counters[name][alive].tobytes()
        assert here.windows.documents[alive].tobytes() == opened.windows.documents[alive].tobytes()


def test_a_value_that_was_never_counted_has_the_prior(world):
    snapshot, tables = world
    following = Following(snapshot)
    following.take(entries([put({**ROWS[0], "brand": "nobody's"}), delete("d1")]))
    view = following.at(2)
    brand = FollowingTables(tables).at(view).windows.fields["brand"]
    assert brand.codes.size == len(view)
    assert brand.codes[-1] == -1
    assert brand.codes[:-1].tolist() == tables.windows.fields["brand"].codes.tolist()


def test_tables_that_hold_nothing_follow_too(world):
    snapshot, _ = world
    following = Following(snapshot)
    following.take(entries([put({**ROWS[0], "id": "new"})]))
    here = FollowingTables(Tables.empty(len(snapshot))).at(following.at(1))
    assert here.ordinal_of.size == len(snapshot) + 1
    assert here.counters["gain"].size == len(snapshot) + 1
