"""Values of fields become the same numbers everywhere."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.domain.query import GeoPoint, Query
from app.rank.hashed_fields import (
    REQUEST_FIELDS,
    check_fields,
    document_fields,
    hash_documents,
    hash_request,
    hash_value,
)
from tests.builders import NOW_MS, city_rows
from tests.builders.snapshots import make_documents

BITS = 16
ROWS = [
    *city_rows(40),
    {"id": "bare", "title": "nothing else"},
    {"id": "brandless", "title": "x", "price": 0.0, "category": "咖啡", "tags": [], "lat": -33.9,
     "lon": -70.01},
]  # fmt: skip


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    return make_documents(ROWS, tmp_path_factory.mktemp("fields") / "d")


def test_another_process_hashes_alike():
    code = (
        "from app.rank.hashed_fields import hash_value\n"
        "print([hash_value(f, v, 20) for f in ('user', 'query') for v in ('火锅', '', 'a b')])"
    )
    here = [hash_value(f, v, 20) for f in ("user", "query") for v in ("火锅", "", "a b")]
    for seed in ("0", "1"):
        found = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert found.stdout.strip() == str(here)


def test_the_hashes_of_today_are_those_of_tomorrow():
    assert hash_value("user", "u1", 18) == PINNED
    assert hash_value("brand", "u1", 18) != PINNED


@given(st.text(max_size=30), st.sampled_from(["user", "query", "brand"]), st.integers(1, 30))
def test_a_hash_fits_its_bits(value, field, bits):
    assert 0 <= hash_value(field, value, bits) < 2**bits


@given(st.text(max_size=30))
def test_fewer_bits_keep_the_upper_ones(value):
    assert hash_value("id", value, 20) >> 4 == hash_value("id", value, 16)


def test_columns_are_hashed_as_single_values_are(documents):
    ids = hash_documents(documents, "id", BITS)
    assert ids.tolist() == [hash_value("id", row["id"], BITS) for row in ROWS]
    for field in ("category", "brand"):
        found = hash_documents(documents, field, BITS).tolist()
        assert found == [
            hash_value(field, row[field], BITS) if field in row else -1 for row in ROWS
        ]
    first = hash_documents(documents, "tags", BITS).tolist()
    assert first == [
        hash_value("tags", row["tags"][0], BITS) if row.get("tags") else -1 for row in ROWS
    ]


def test_numbers_near_each_other_share_a_hash_and_far_ones_do_not(tmp_path):
    prices = [100, 101, 118, 400, 0, -100]
    rows = [{"id": str(i), "title": "x", "price": p} for i, p in enumerate(prices)]
    found = hash_documents(make_documents(rows, tmp_path / "d"), "price", BITS).tolist()
    assert found[0] == found[1]
    assert len(set(found)) == 5


def test_what_is_missing_has_no_hash(documents):
    for field in ("price", "place", "category", "no_such_field"):
        assert hash_documents(documents, field, BITS)[40] == -1
    assert hash_documents(documents, "price", BITS)[41] >= 0
    assert (
        hash_request(Query("", (), NOW_MS), ("query", "term", "user", "origin"), BITS)[0].size == 0
    )


def test_a_request_says_each_field_with_its_weight():
    query = Query(
        "a b", ("a", "b"), NOW_MS, user_id="u1", client_id="c1", origin=GeoPoint(31.21, 121.44)
    )
    found = hash_request(query, tuple(REQUEST_FIELDS), BITS)
    assert found.fields.tolist() == [0, 1, 1, 2, 3, 4, 5, 6]
    assert found.values.tolist() == pytest.approx([1, 0.5**0.5, 0.5**0.5, 1, 1, 1, 1, 1])
    assert found.hashes[1] == hash_value("term", "a", BITS)
    assert found.hashes[4] == hash_value("user", "user:u1", BITS)
    assert found.hashes[6] == hash_value("weekday", "3", BITS)  # 9 October 2025, a Thursday


def test_an_unknown_field_is_named_with_those_that_there_are(documents):
    known = document_fields(documents.schema)
    assert {"id", "place", "category", "price"} <= set(known)
    assert "published_at" not in known
    check_fields(("query", "user"), known, documents.schema)
    with pytest.raises(InvalidInput, match=r"'usr'.*request field.*known: query, term"):
        check_fields(("usr",), (), documents.schema)
    with pytest.raises(InvalidInput, match=r"'colour'.*document field.*category"):
        check_fields((), ("colour",), documents.schema)


PINNED = 256561
