"""Logged impressions, computed once more from the logs, agree to the bit; what differs is named."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from app.corpus.impression_log import read_impressions, write_impressions
from app.domain.errors import InvalidInput
from app.features.catalog import CATALOG
from app.offline.behaviour.rebuild import Rebuilder
from app.offline.parity import TERMS, differ
from app.offline.workflow import check_parity
from tests.builders.impressions import make_logged, make_place
from tests.builders.releases import WIDE
from tests.builders.servers import SNAPSHOT_ID


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    return make_logged(tmp_path_factory.mktemp("parity"))


def relog(logged, root, impressions):
    """The same place, with another impression log."""
    data = root / "data"
    data.mkdir(parents=True)
    for name in ("snapshots", "tables", "events.db"):
        (data / name).symlink_to(logged.place.data / name)
    place = replace(logged.place, data=data)
    write_impressions(place.stores.impressions, impressions)
    return place


def changed(impression, name, delta):
    features = impression.features.copy()
    features[:, impression.feature_names.index(name)] += np.float32(delta)
    return replace(impression, features=features)


def test_what_was_served_is_computed_again_to_the_bit(logged):
    parity = check_parity(logged.place, 0, None)
    assert parity.holds, parity.lines()
    assert parity.rows == sum(len(i.ids) for i in logged.impressions)
    assert parity.values == parity.rows * (len(WIDE) + 1)
    assert not parity.differing
    known = np.concatenate([i.features for i in logged.impressions])
    assert np.isfinite(known[:, WIDE.index("user_gain_log")]).any()


def test_a_feature_that_was_logged_otherwise_is_named_with_an_example(logged, tmp_path):
    wrong = [changed(logged.impressions[0], "attr(price)", 0.5), *logged.impressions[1:]]
    place = relog(logged, tmp_path, [changed(wrong[0], "hit_count", 1), *wrong[1:]])
    parity = check_parity(place, 0, None)
    assert not parity.holds
    assert parity.differing.keys() == {"attr(price)", "hit_count"}
    assert wrong[0].request_id in parity.lines()[1]


def test_a_score_and_a_word_that_differ_are_named(logged, tmp_path):
    one, two = logged.impressions[:2]
    wrong = [replace(one, scores=one.scores + 1), replace(two, terms=(*two.terms, "x"))]
    parity = check_parity(relog(logged, tmp_path, wrong), 0, None)
    assert parity.differing == {"score": len(one.ids), TERMS: 1}


def test_a_changed_constant_in_one_feature_is_named_by_it(logged, monkeypatch):
    shorter = replace(CATALOG.features["user_gain_log"], compute=lambda gain: np.log1p(0.9 * gain))
    monkeypatch.setitem(CATALOG.features, "user_gain_log", shorter)
    parity = check_parity(logged.place, 0, None)
    assert not parity.holds
    assert parity.differing.keys() <= {"user_gain_log", "score"}
    assert parity.differing["user_gain_log"] > 0


def test_tables_come_from_the_event_log_and_not_from_their_files(logged, tmp_path):
    """With other events in the log, people's features come out otherwise than they were served."""
    place = relog(logged, tmp_path, logged.impressions)
    events = logged.place.events_file.read_bytes()
    place.events_file.unlink()
    place.events_file.write_bytes(events)
    with closing(sqlite3.connect(place.events_file)) as connection:
        connection.execute("DELETE FROM events WHERE user_id = 'u3'")
        connection.commit()
    parity = check_parity(place, 0, None)
    assert {"user_gain_log", "hours_since_user_acted"} <= parity.differing.keys()
    assert not any(name.startswith("bm25") for name in parity.differing)


def test_without_an_event_log_the_reason_is_told(logged, tmp_path):
    place = relog(logged, tmp_path, logged.impressions)
    place.events_file.unlink()
    parity = check_parity(place, 0, None)
    assert not parity.rows
    assert "event log that is gone" in next(iter(parity.unlike))


def test_rebuilt_tables_are_those_that_served(logged):
    """Events that came later, also about earlier times, change nothing."""
    place, snapshot = logged.place, logged.place.snapshot()
    served = place.tables(snapshot)
    rebuilt = Rebuilder(place.stores.tables, place.events()).tables(served.id, snapshot)
    for name, column in served.counters.items():
        assert np.array_equal(column, rebuilt.counters[name]), name
    assert np.array_equal(served.neighbours.scores, rebuilt.neighbours.scores)
    assert np.array_equal(served.persons.histories.gains, rebuilt.persons.histories.gains)


def test_what_cannot_be_compared_is_counted_with_its_reason(logged, tmp_path):
    lost = "20200101T000000Z-00000000"
    gone = [
        replace(one, **change)
        for one, change in zip(
            logged.impressions,
            ({"snapshot_id": lost}, {"tables_id": lost}, {"release_id": lost}, {"log_seq": 9}),
            strict=False,
        )
    ]
    parity = check_parity(relog(logged, tmp_path, [*gone, *logged.impressions[4:]]), 0, None)
    assert len(parity.unlike) == 4
    assert parity.not_comparable == sum(len(i.ids) for i in gone)
    assert not parity.differing
    assert not parity.holds  # 4 of 40 are more than one in a hundred


def test_rows_without_features_are_compared_by_their_score(logged, tmp_path):
    one = logged.impressions[0]
    has = np.zeros(len(one.ids), np.bool_)
    has[0] = True
    features = np.where(has[:, None], one.features, np.float32(np.nan))
    place = relog(logged, tmp_path, [replace(one, has_features=has, features=features)])
    parity = check_parity(place, 0, None)
    assert parity.holds
    assert parity.without_features == len(one.ids) - 1
    assert parity.values == len(one.ids) + len(WIDE)


def test_a_sample_is_the_same_each_time(logged):
    first, second = (check_parity(logged.place, 0, 5) for _ in "ab")
    assert first.impressions == 5
    assert first.to_json() == second.to_json()


def test_since_leaves_out_what_is_older(logged):
    half = logged.impressions[20].now_ms
    assert check_parity(logged.place, half, None).impressions == 20


def test_nothing_to_compare_is_an_error_and_not_a_success(tmp_path):
    place = make_place(tmp_path, 20)
    with pytest.raises(InvalidInput, match="nothing to compare"):
        check_parity(place, 0, None)


def test_bits_are_compared_and_missing_equals_missing():
    logged = np.array([0.0, np.nan, 1.0, np.nan], np.float32)
    computed = np.array([-0.0, np.nan, 1.0, 2.0], np.float32)
    assert differ(logged, computed).tolist() == [True, False, False, True]


def test_the_log_gives_back_the_bits_that_went_in(logged):
    back = {i.request_id: i for i in read_impressions(logged.place.stores.impressions)}
    for one in logged.impressions:
        assert not differ(one.features, back[one.request_id].features).any()
    assert {i.snapshot_id for i in back.values()} == {SNAPSHOT_ID}
