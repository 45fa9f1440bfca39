"""What a person likes is read from records: the same as by the columns, however long a text is."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from app.corpus.row_store import FIRST_TOKENS
from app.snapshot.asking import Person
from app.snapshot.people import tastes, user_state
from tests.builders import NOW_MS, city_rows, make_snapshot
from tests.builders.behaviour import HOUR_MS, make_events, make_sessions, make_tables

FIELDS = ("category", "tags", "brand")


def test_tastes_are_the_shares_of_gains_by_value(tmp_path):
    rows = city_rows(40)
    rows[3]["title"] = "火锅 " * (FIRST_TOKENS + 9)
    del rows[5]["price"]
    documents = make_snapshot(rows, tmp_path / "s", channels=()).documents
    rng = np.random.default_rng(7)
    acted_on = rng.permutation(40)[:25].astype(np.int32)
    acted_on[:2] = 3, 5
    gains = rng.gamma(1, 2, acted_on.size).astype(np.float32)
    held, log_price = tastes(documents, acted_on, gains)
    assert tuple(held) == tuple(f for f in FIELDS if f in documents.keywords)
    for field, preference in held.items():
        column, shares = documents.keywords[field], defaultdict(float)
        for row, gain in zip(acted_on.tolist(), gains.tolist(), strict=True):
            codes = column.codes[row].tolist()
            for code in codes:
                shares[code] += gain / len(codes)
        assert preference.codes.tolist() == sorted(shares)
        total = sum(shares.values())
        expected = [shares[code] / total for code in sorted(shares)]
        np.testing.assert_allclose(preference.weights, expected, rtol=1e-5)
    logs = np.log1p(documents.numbers["price"][acted_on])
    np.testing.assert_allclose(log_price, [np.nanmean(logs), np.nanstd(logs)])


def test_one_history_read_at_once_says_what_its_steps_say(tmp_path):
    snapshot = make_snapshot(city_rows(40), tmp_path / "s", channels=())
    tables = make_tables(snapshot, make_events(make_sessions(snapshot), tmp_path / "e"))
    histories, documents = tables.persons.histories, snapshot.documents
    for person in range(len(histories.documents)):
        state = user_state(Person("u", (person,)), tables, documents, NOW_MS - 9 * HOUR_MS)
        start, end = histories.documents.offsets[person : person + 2].tolist()
        old = [i for i in range(start, end) if histories.times_ms[i] < NOW_MS - 9 * HOUR_MS]
        assert state.rows.tolist() == tables.row_of[histories.documents.values[old]].tolist()
        assert state.times_ms.tolist() == histories.times_ms[old].tolist()
        assert state.weights.tolist() == histories.gains[old].tolist()
        liked, log_price = tastes(documents, state.rows, state.weights)
        assert list(liked) == list(state.preferences)
        for field, preference in liked.items():
            assert preference.codes.tolist() == state.preferences[field].codes.tolist()
            assert preference.weights.tolist() == state.preferences[field].weights.tolist()
        assert log_price.tobytes() == state.log_price.tobytes()


def test_who_did_nothing_likes_nothing(tmp_path):
    documents = make_snapshot(city_rows(5), tmp_path / "s", channels=()).documents
    held, log_price = tastes(documents, np.empty(0, np.int32), np.empty(0, np.float32))
    assert all(not p.codes.size for p in held.values())
    assert np.isnan(log_price).all()
