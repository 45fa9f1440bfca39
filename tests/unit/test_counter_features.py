"""Counters as features: the row's, the pair's and the request's own, missing where unknown."""

import numpy as np
import pytest

from app.domain.candidates import CandidateSet
from app.domain.errors import InvalidInput
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.offline.sessions import events_of
from app.snapshot.counters import WINDOWS, Counted, Counters
from app.snapshot.tables import Tables, memory_key
from tests.builders import NOW_MS, city_rows, make_context, make_snapshot
from tests.builders.behaviour import make_events, make_sessions, make_tables
from tests.oracles.naive_counters import NaiveCounters

TEMPLATES = [t for t in CATALOG.templates.values() if t.over == "window"]
PLACE = (31.2, 121.5)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(city_rows(80), tmp_path_factory.mktemp("world") / "s")


@pytest.fixture(scope="module")
def sessions(snapshot):
    return make_sessions(snapshot, 200)


@pytest.fixture(scope="module")
def tables(snapshot, sessions, tmp_path_factory):
    return make_tables(snapshot, make_events(sessions, tmp_path_factory.mktemp("log") / "e.db"))


@pytest.fixture(scope="module")
def naive(sessions):
    events = [e for s in sessions for e in events_of(s)]
    return NaiveCounters(events, NOW_MS, half_life_days=7.0)


def values(names, snapshot, tables, text="garden", **request):
    ctx = make_context(snapshot, text, tables=tables, **request)
    rows = np.arange(len(snapshot), dtype=np.int32)[::-1].copy()
    n = rows.size
    candidates = CandidateSet(
        rows, np.zeros(n, np.float32), (), np.empty((n, 0), np.float32), np.empty((n, 0), np.int16)
    )
    features = FeatureSet(CATALOG, names)
    return features.matrix(gather(features.inputs, ctx, candidates), n)[::-1]


def ratio(naive, tables, family, key, window):
    row = naive.row(family, key)
    at, (alpha, beta) = WINDOWS.index(window), tables.windows.counted.prior(family)
    return (row[at + len(WINDOWS)] + alpha) / (row[at] + alpha + beta)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_document_has_its_own_impressions_and_rate(window, snapshot, tables, naive):
    shown, rates = values([f"impressions_log({window})", f"ctr({window})"], snapshot, tables).T
    for i, name in enumerate(snapshot.documents.ids.strings):
        naive_shown = naive.row("documents", name)[WINDOWS.index(window)]
        assert shown[i] == np.log1p(np.float32(naive_shown))
        assert rates[i] == pytest.approx(ratio(naive, tables, "documents", name, window), rel=1e-6)


@pytest.mark.parametrize("window", ["1d", "7d", "decayed"])
def test_a_pair_has_the_counts_of_this_very_query_and_the_prior_where_it_has_none(
    window, snapshot, tables, naive
):
    names = [f"query_document_impressions_log({window})", f"query_document_ctr({window})"]
    shown, rates = values(names, snapshot, tables, "garden").T
    for i, name in enumerate(snapshot.documents.ids.strings):
        key = ("garden", name)
        naive_shown = naive.row("pairs", key)[WINDOWS.index(window)]
        assert shown[i] == np.log1p(np.float32(naive_shown))
        assert rates[i] == pytest.approx(ratio(naive, tables, "pairs", key, window), rel=1e-6)
    assert len(set(rates.tolist())) > 2


def test_category_and_brand_add_up_their_documents(snapshot, tables, naive):
    out = values(["category_ctr(7d)", "brand_ctr(7d)"], snapshot, tables)
    at = WINDOWS.index("7d")
    for column, field in enumerate(("category", "brand")):
        codes = snapshot.documents.keywords[field].single(np.arange(len(snapshot), dtype=np.int32))
        sums = np.zeros((codes.max() + 1, 2))
        for code, name in zip(codes, snapshot.documents.ids.strings, strict=True):
            row = naive.row("documents", name)
            sums[code] += row[at], row[at + len(WINDOWS)]
        raw = (sums[:, 1] / sums[:, 0])[codes]
        assert np.corrcoef(raw, out[:, column])[0, 1] > 0.95
        assert out[:, column].std() < raw.std()  # smoothed


def test_query_hour_and_place_are_one_for_all(snapshot, tables, naive):
    names = ["query_ctr(30d)", "query_impressions_log(30d)", "hour_ctr(30d)", "cell_ctr(30d)"]
    out = values(names, snapshot, tables, "garden", origin=PLACE)
    assert (out == out[0]).all()
    key = memory_key(("garden",))
    cell = next(iter(naive.buckets["places"]))
    expected = [
        ratio(naive, tables, "queries", key, "30d"),
        np.log1p(naive.row("queries", key)[WINDOWS.index("30d")]),
        ratio(naive, tables, "hours", NOW_MS // 3_600_000 % 24, "30d"),
        ratio(naive, tables, "places", cell, "30d"),
    ]
    np.testing.assert_allclose(out[0], expected, rtol=1e-6)


def test_somewhere_new_has_the_prior_and_nowhere_is_missing(snapshot, tables):
    names = ["cell_ctr(7d)"]
    alpha, beta = tables.windows.counted.prior("places")
    new = values(names, snapshot, tables, origin=(-33.9, 151.2))
    assert new[0, 0] == pytest.approx(alpha / (alpha + beta))
    assert np.isnan(values(names, snapshot, tables)).all()


def test_a_query_never_shown_is_missing_for_pairs_and_has_the_prior_itself(snapshot, tables):
    names = ["query_document_ctr(7d)", "query_ctr(7d)", "query_impressions_log(7d)"]
    for text in ("unheard", ""):
        pair, query, shown = values(names, snapshot, tables, text).T
        assert np.isnan(pair).all()
        assert (query == query[0]).all()
        assert (shown == 0).all()


def test_without_tables_every_counter_is_missing(snapshot):
    names = [t.of("7d").name for t in TEMPLATES]
    nothing = Tables.empty(len(snapshot))
    assert np.isnan(values(names, snapshot, nothing, origin=PLACE)).all()


def test_an_unknown_window_is_named_with_those_there_are(snapshot, tables):
    with pytest.raises(InvalidInput, match="'3d'; known: 1h, 1d, 7d, 30d, decayed, all"):
        values(["ctr(3d)"], snapshot, tables)


def test_documents_that_the_catalogue_lost_count_for_no_category(snapshot, tables):
    gone = np.full(tables.row_of.size, -1, np.int32)
    counters = Counters.of(tables.windows.counted, gone, snapshot.documents)
    assert not counters.documents[:, : len(WINDOWS)].any()
    assert not counters.fields["category"].block[:, : len(WINDOWS)].any()


def test_counters_are_read_back_as_they_were_written(tables, tmp_path):
    before = tables.windows.counted
    before.save(tmp_path / "counted")
    after = Counted.open(tmp_path / "counted")
    for name in ("documents", "queries", "pairs", "hours", "cells", "places", "priors"):
        assert getattr(after, name).tobytes() == getattr(before, name).tobytes()
    assert list(after.texts.strings) == list(before.texts.strings)
    assert Counted.open(tmp_path / "of an earlier build") is None
