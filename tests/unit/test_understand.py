"""From a search as asked to a query as understood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.domain.errors import InvalidQuery
from app.domain.filters import AllOf, Range, Within
from app.domain.query import GeoPoint
from app.query.understand import SearchRequest, place, understand
from app.snapshot.snapshot import Snapshot
from tests.builders import NOW_MS, city_rows, make_snapshot


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory) -> Snapshot:
    return make_snapshot(city_rows(60), tmp_path_factory.mktemp("snapshot") / "s", channels=())


def test_the_query_is_analysed_and_encoded_as_the_documents_were(snapshot):
    query = understand(
        SearchRequest("ＮＯＲＴＨ  garden 火鍋", limit=3, offset=4), snapshot, NOW_MS
    )
    assert query.text == snapshot.analyzer.normalise("north garden 火锅")
    assert "火锅" in query.terms
    assert query.vector is not None
    assert np.isclose(np.linalg.norm(query.vector), 1)
    assert (query.limit, query.offset, query.now_ms) == (3, 4, NOW_MS)


def test_an_empty_query_browses_without_terms_or_vector(snapshot):
    query = understand(SearchRequest("  "), snapshot, NOW_MS)
    assert (query.text, query.terms, query.vector, query.filters) == ("", (), None, None)


def test_a_radius_is_one_more_filter(snapshot):
    near = SearchRequest(origin=GeoPoint(31, 121), radius_km=5)
    assert understand(near, snapshot, NOW_MS).filters == Within(31, 121, 5)
    cheap = replace(near, filters={"price": {"lte": 100}})
    filters = understand(cheap, snapshot, NOW_MS).filters
    assert isinstance(filters, AllOf)
    assert Within(31, 121, 5) in filters.parts
    assert any(isinstance(part, Range) for part in filters.parts)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (SearchRequest("x" * 513), "query"),
        (SearchRequest("x" * 10_240), "query"),
        (SearchRequest("\udc80"), "query"),
        (SearchRequest(limit=0), "limit"),
        (SearchRequest(limit=-1), "limit"),
        (SearchRequest(limit=1001), "limit"),
        (SearchRequest(limit=10**9), "limit"),
        (SearchRequest(limit=501), "limit"),
        (SearchRequest(offset=-1), "offset"),
        (SearchRequest(offset=491), "offset"),
        (SearchRequest(offset=10**30), "offset"),
        (SearchRequest(origin=GeoPoint(91, 0)), "lat"),
        (SearchRequest(origin=GeoPoint(0, -181)), "lon"),
        (SearchRequest(origin=GeoPoint(float("nan"), 0)), "lat"),
        (SearchRequest(origin=GeoPoint(0, float("inf"))), "lon"),
        (SearchRequest(radius_km=5), "radius_km"),
        (SearchRequest(origin=GeoPoint(0, 0), radius_km=0), "radius_km"),
        (SearchRequest(origin=GeoPoint(0, 0), radius_km=float("nan")), "radius_km"),
        (SearchRequest(channels=()), "channels"),
        (SearchRequest(user_id=""), "user_id"),
        (SearchRequest(client_id="x" * 257), "client_id"),
        (SearchRequest(timeout_ms=0), "timeout_ms"),
        (SearchRequest(timeout_ms=float("inf")), "timeout_ms"),
    ],
)
def test_a_broken_limit_is_named(request_, field, snapshot):
    with pytest.raises(InvalidQuery) as caught:
        understand(request_, snapshot, NOW_MS, max_candidates=500)
    assert caught.value.field == field
    assert caught.value.remedy


@pytest.mark.parametrize(
    "request_",
    [
        SearchRequest("x" * 512),
        SearchRequest(limit=1000),
        SearchRequest(limit=1, offset=9_999),
        SearchRequest(origin=GeoPoint(-90, 180), radius_km=20_038),
        SearchRequest(timeout_ms=60_000),
    ],
)
def test_the_limits_themselves_are_allowed(request_, snapshot):
    understand(request_, snapshot, NOW_MS)


def test_a_place_is_whole_or_absent():
    assert place(None, None) is None
    assert place(0.0, 0.0) == GeoPoint(0, 0)
    for half in ((1.0, None), (None, 1.0)):
        with pytest.raises(InvalidQuery):
            place(*half)
