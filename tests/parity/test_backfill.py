"""Training rows of logged impressions: logged where logged, replayed to the same bits where not."""

from dataclasses import replace

import numpy as np
import pytest

from app.corpus.impression_log import write_impressions
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.offline.backfill import Backfill
from app.offline.judged import Judged
from app.offline.logged import request_of, with_tables
from app.offline.parity import differ
from tests.builders.impressions import make_logged
from tests.builders.releases import WIDE

FEATURES = FeatureSet(CATALOG, WIDE)
LISTS = ("candidates", "bm25_of_best(title)", "distance_behind_nearest")


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    return make_logged(tmp_path_factory.mktemp("backfill"), 12)


@pytest.fixture
def past(logged):
    place = logged.place
    with place.past(place.events(), place.snapshot()) as past:
        yield past


def judged(impression, **more):
    grades = dict.fromkeys(impression.shown_ids, 0) | {impression.ids[1]: 1}
    request = request_of(impression)
    return Judged(
        impression.request_id, request, impression.now_ms, grades, True,
        impression=impression, **more,
    )  # fmt: skip


def without(impression, names):
    """The impression as a release without some features would have logged it."""
    keep = [j for j, name in enumerate(impression.feature_names) if name not in names]
    return replace(
        impression,
        feature_names=tuple(impression.feature_names[j] for j in keep),
        features=impression.features[:, keep],
    )


def in_fused_order(impression):
    m = len(impression.ids)
    return replace(
        impression, release_id=None, feature_names=(), lists={},
        features=np.empty((m, 0), np.float32), has_features=np.zeros(m, np.bool_),
    )  # fmt: skip


def assert_same_bits(rows, impression):
    assert not differ(impression.features, rows.features).any()


def test_what_was_logged_is_taken_as_it_is(logged, past):
    """Serving may have been wrong; that is what it ranked with, and parity's to say."""
    one = logged.impressions[0]
    odd = replace(one, features=one.features + np.float32(0.25))
    backfill = Backfill(FEATURES, past)
    assert_same_bits(backfill.group(judged(odd)), odd)
    assert backfill.counts.values_replayed == 0


def test_columns_follow_the_recipe_and_not_the_log(logged, past):
    one = logged.impressions[0]
    names = tuple(reversed(WIDE[3:9]))
    rows = Backfill(FeatureSet(CATALOG, names), past).group(judged(one))
    columns = [WIDE.index(name) for name in names]
    assert not differ(one.features[:, columns], rows.features).any()


@pytest.mark.parametrize("names", [("user_gain_log", "cosine"), LISTS, WIDE])
def test_a_feature_that_was_not_logged_is_replayed_to_the_bits_of_its_time(logged, past, names):
    backfill = Backfill(FEATURES, past)
    for one in logged.impressions:
        assert_same_bits(backfill.group(judged(without(one, names))), one)
    counts = backfill.counts
    assert counts.values_replayed == counts.rows * len(names)
    assert counts.lists_recalled == 0  # list_* were logged


def test_rows_that_were_logged_without_features_are_replayed_whole(logged, past):
    one = logged.impressions[1]
    has = np.arange(len(one.ids)) % 3 == 0
    features = np.where(has[:, None], one.features, np.float32(np.nan))
    torn = replace(one, has_features=has, features=features)
    assert_same_bits(Backfill(FEATURES, past).group(judged(torn)), one)
    assert_same_bits(Backfill(FEATURES, past).group(judged(without(torn, LISTS))), one)


def test_fused_order_is_replayed_whole_and_its_list_recalled_again(logged, past):
    backfill = Backfill(FEATURES, past)
    for one in logged.impressions:
        assert_same_bits(backfill.group(judged(in_fused_order(one))), one)
    assert backfill.counts.lists_recalled == len(logged.impressions)
    assert backfill.counts.values_logged == 0


def test_events_after_the_tables_are_in_no_replayed_row(logged, past):
    """The event log has gone on; as of the impression nobody knew."""
    some = [without(one, ("user_gain_log", "hours_since_user_acted")) for one in logged.impressions]
    newest = max(s.ts_ms for s in logged.sessions)
    assert newest > max(one.now_ms for one in some)
    for one, whole in zip(some, logged.impressions, strict=True):
        assert_same_bits(Backfill(FEATURES, past).group(judged(one)), whole)


def test_tables_that_are_gone_are_stood_in_for_by_those_of_the_day(logged, past):
    backfill = Backfill(FEATURES, past)
    for one in logged.impressions:
        lost = replace(without(one, ("user_gain_log",)), tables_id="20200101T000000Z-00000000")
        assert backfill.group(judged(lost)) is not None
    assert past.stand_ins == {"snapshot": 0, "tables": len(logged.impressions), "view": 0}


def test_documents_that_are_gone_are_left_out_and_counted(logged, past):
    one = without(logged.impressions[0], ("cosine",))
    gone = replace(one, ids=("gone", *one.ids[1:]), snapshot_id="20200101T000000Z-00000000")
    backfill = Backfill(FEATURES, past)
    rows = backfill.group(judged(gone))
    assert not differ(logged.impressions[0].features[1:], rows.features).any()
    assert (backfill.counts.documents_gone, past.stand_ins["snapshot"]) == (1, 1)
    clicked_gone = replace(gone, ids=(one.ids[0], "gone", *one.ids[2:]))
    assert backfill.group(replace(judged(one), impression=clicked_gone)) is None
    assert backfill.counts.lists_without_grades == 1


def test_grades_weights_and_positions_come_along_and_the_unobserved_stay_out(logged, past):
    one = logged.impressions[0]
    shown, m = one.shown_ids, len(one.ids)
    told = judged(
        one, weights={shown[1]: 2.5}, positions={i: p for p, i in enumerate(shown, 11)},
        unobserved=frozenset({shown[3]}),
    )  # fmt: skip
    rows = Backfill(FEATURES, past).group(told)
    assert rows.sizes.tolist() == [m - 1]
    assert rows.labels.tolist() == [0, 1] + [0] * (m - 3)
    assert rows.weights[:3].tolist() == [1.0, 2.5, 1.0]
    assert rows.positions[:5].tolist() == [11, 12, 13, 15, 16]
    assert rows.positions[9:].tolist() == [0] * (m - 10)


def test_pieces_hold_all_lists_whole_in_order_of_the_log(logged, past, tmp_path):
    write_impressions(tmp_path, logged.impressions)
    light = [
        replace(judged(one), impression=replace(one, ids=()))
        for one in reversed(logged.impressions)
    ]
    pieces = list(Backfill(FEATURES, past).pieces(with_tables(tmp_path, light)))
    assert sum(done for _, done in pieces) == len(light)
    qids = [qid for rows, _ in pieces for qid in rows.qids]
    assert qids == [one.request_id for one in logged.impressions]
    whole = np.concatenate([i.features for i in logged.impressions])
    assert not differ(whole, np.concatenate([rows.features for rows, _ in pieces])).any()
