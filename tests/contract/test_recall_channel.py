"""What every recall channel owes. Runs on every channel named in the configuration."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.domain.dotted import load
from app.domain.filters import AllOf, Box, Filter, Not, OneOf, Range, Within
from app.settings import Settings
from tests.builders import city_rows, make_context, make_snapshot
from tests.builders.behaviour import make_events, make_sessions, make_tables, state_of

SETTINGS = Settings.load(Path("config/search.toml"), environment={})
CHANNELS = [pytest.param(n, id=n) for n in SETTINGS.channels]
HERE = (31.2, 121.45)
FILTERS: list[Filter] = [
    Range("price", 40.0, 70.0),
    OneOf("category", ("火锅", "酒店")),
    AllOf((Not(OneOf("tags", ("wifi",))), Range("in_stock", 1.0, 1.0))),
    Range("price", 1e9),  # nothing
    Within(31.2, 121.45, 5.0),
    AllOf((Box(31.0, 121.4, 31.3, 121.6), Not(OneOf("tags", ("wifi",))))),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A snapshot of 400 places and the tables of 120 sessions."""
    folder = tmp_path_factory.mktemp("world")
    snapshot = make_snapshot(city_rows(400), folder / "snapshot")
    events = make_events(make_sessions(snapshot), folder / "events.db")
    return snapshot, make_tables(snapshot, events)


@pytest.fixture
def ask(world):
    """Open a channel and make requests that carry everything a channel could read."""
    snapshot, tables = world

    def make(name, filters=None, text="老灶 火锅 garden", **query):
        channel = load(SETTINGS.channels[name].kind).open(
            snapshot, tables, snapshot.part(name), SETTINGS.channels[name].own
        )
        user = state_of(tables, "u3", None, snapshot.documents, 2**60)
        ctx = make_context(
            snapshot, text, tables=tables, user=user, origin=HERE, filters=filters, **query
        )
        return channel, ctx

    return make


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("k", [1, 10, 1000])
def test_hits_are_unique_ordered_and_inside_the_snapshot(name, k, ask):
    channel, ctx = ask(name)
    assert channel.accepts(ctx)
    hits = channel.recall(ctx, k)
    assert hits.rows.dtype == np.int32
    assert hits.scores.dtype == np.float32
    assert 0 < len(set(hits.rows.tolist())) == hits.rows.size <= k
    assert hits.rows.min() >= 0
    assert hits.rows.max() < len(ctx.snapshot)
    assert np.isfinite(hits.scores).all()
    order = list(zip((-hits.scores).tolist(), hits.rows.tolist(), strict=True))
    assert order == sorted(order)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_smaller_k_is_a_prefix_of_a_larger_one(name, ask):
    channel, ctx = ask(name)
    few, many = channel.recall(ctx, 7), channel.recall(ctx, 60)
    assert few.rows.tolist() == many.rows[:7].tolist()
    assert few.scores.tolist() == many.scores[:7].tolist()


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("filters", FILTERS)
def test_filtered_hits_are_the_unfiltered_ranking_with_the_rest_left_out(name, filters, ask):
    channel, free = ask(name)
    _, ctx = ask(name, filters)
    every = channel.recall(free, 1000)
    keep = ctx.mask.allowed[every.rows]
    hits = channel.recall(ctx, 1000)
    if every.rows.size < 1000:  # the unfiltered ranking is whole
        assert hits.rows.tolist() == every.rows[keep].tolist()
        np.testing.assert_allclose(hits.scores, every.scores[keep], rtol=1e-5)
    assert ctx.mask.allowed[hits.rows].all()


@pytest.mark.parametrize("name", CHANNELS)
def test_a_stranger_with_no_words_and_no_place_is_accepted_by_popularity_alone(name, world, ask):
    channel, _ = ask(name)
    snapshot, _ = world
    assert channel.accepts(make_context(snapshot)) == (name == "popular")


@pytest.mark.parametrize("name", CHANNELS)
def test_many_threads_get_what_one_gets(name, ask):
    channel, ctx = ask(name)
    alone = channel.recall(ctx, 50).rows.tolist()
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: channel.recall(ctx, 50).rows.tolist(), range(24)))
    assert all(answer == alone for answer in answers)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_catalogue_of_one_bare_document_works(name, tmp_path):
    rows = [{"id": "only", "title": "火锅"}]
    snapshot = make_snapshot(rows, tmp_path / "s", channels=[name])
    ctx = make_context(snapshot, "火锅", origin=HERE)
    own = SETTINGS.channels[name].own
    channel = load(SETTINGS.channels[name].kind).open(
        snapshot, ctx.tables, snapshot.part(name), own
    )
    if channel.accepts(ctx):
        assert set(channel.recall(ctx, 10).rows.tolist()) <= {0}
