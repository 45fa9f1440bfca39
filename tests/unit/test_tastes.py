"""What a person likes is read from records: the same as by the columns, however long a text is."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from app.corpus.row_store import FIRST_TOKENS
from app.snapshot.people import tastes
from tests.builders import city_rows, make_snapshot

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


def test_who_did_nothing_likes_nothing(tmp_path):
    documents = make_snapshot(city_rows(5), tmp_path / "s", channels=()).documents
    held, log_price = tastes(documents, np.empty(0, np.int32), np.empty(0, np.float32))
    assert all(not p.codes.size for p in held.values())
    assert np.isnan(log_price).all()
