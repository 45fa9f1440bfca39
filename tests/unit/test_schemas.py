"""What a caller may send, and how what is wrong with it is named."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidQuery
from app.domain.query import GeoPoint
from app.online.gateway.schemas import (
    SearchBody,
    openapi_of_body,
    request_of_body,
    request_of_params,
)
from app.online.problems import Problem
from app.query.understand import SearchRequest


def body(**fields: object) -> bytes:
    return orjson.dumps(fields)


def refusal(raw: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        request_of_body(raw)
    return caught.value


def test_an_empty_body_browses():
    assert request_of_body(b"{}") == SearchRequest()


def test_every_field_of_the_body_reaches_the_request():
    asked = request_of_body(
        body(
            query="火锅", user_id="u1", client_id="c1", location={"lat": 31.2, "lon": 121},
            radius_km=5, filters={"price": {"lte": 100}}, limit=3, offset=6,
            channels=["lexical", "geo", "lexical"], release="r1", strict=True, timeout_ms=50,
        )
    )  # fmt: skip
    assert asked == SearchRequest(
        text="火锅", user_id="u1", client_id="c1", origin=GeoPoint(31.2, 121), radius_km=5,
        filters={"price": {"lte": 100}}, limit=3, offset=6, channels=("lexical", "geo"),
        release="r1", strict=True, timeout_ms=50,
    )  # fmt: skip


def test_the_same_search_in_a_url_is_the_same_request():
    pairs = [
        ("q", "tea"), ("user_id", "u1"), ("lat", "31.2"), ("lon", "121"), ("limit", "3"),
        ("offset", "6"), ("channels", "lexical, geo"), ("strict", "true"),
    ]  # fmt: skip
    asked = body(
        query="tea", user_id="u1", location={"lat": 31.2, "lon": 121}, limit=3, offset=6,
        channels=["lexical", "geo"], strict=True,
    )  # fmt: skip
    assert request_of_params(pairs) == request_of_body(asked)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b'{"query": "\xff"}', "body"),
        (b'{"query": "\\ud800"}', "body"),
        (b'{"radius_km": NaN}', "body"),
        (b"[" * 5000, "body"),
        (b"[]", "body"),
        (body(querry="tea"), "querry"),
        (body(query=7), "query"),
        (body(limit="10"), "limit"),
        (body(limit=1.5), "limit"),
        (body(limit=True), "limit"),
        (body(limit=None), "limit"),
        (body(strict="yes"), "strict"),
        (body(location={"lat": 1}), "location.lon"),
        (body(location={"lat": 1, "lon": 2, "alt": 3}), "location.alt"),
        (body(location=[1, 2]), "location"),
        (body(filters=[]), "filters"),
        (body(channels="lexical"), "channels"),
        (body(channels=[1]), "channels.0"),
    ],
)
def test_a_malformed_body_is_a_400_that_names_the_field(raw, field):
    problem = refusal(raw)
    assert problem.status == 400
    assert problem.members["field"] == field
    assert problem.members["limit"]
    assert problem.members["remedy"]


def test_an_unknown_field_is_answered_with_the_known_ones():
    assert "user_id" in refusal(body(userid="u")).members["remedy"]


def test_a_url_parameter_given_twice_or_unknown_is_refused():
    for pairs, field in [([("q", "a"), ("q", "b")], "q"), ([("query", "a")], "query")]:
        with pytest.raises(Problem) as caught:
            request_of_params(pairs)
        assert caught.value.members["field"] == field


def test_half_a_place_in_a_url_is_refused_naming_the_missing_half():
    with pytest.raises(InvalidQuery) as caught:
        request_of_params([("lat", "31")])
    assert caught.value.field == "lon"


def test_the_description_of_the_body_refers_to_nothing_outside_itself():
    assert b"$ref" not in orjson.dumps(openapi_of_body())


json_leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False)
json_values = st.recursive(
    json_leaves | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
field_names = st.sampled_from([*SearchBody.model_fields]) | st.text()


def outcome(raw: bytes) -> SearchRequest | Problem:
    try:
        return request_of_body(raw)
    except Problem as problem:
        return problem


@given(st.dictionaries(field_names, json_values, max_size=6))
def test_any_json_object_is_a_request_or_a_named_400(fields):
    got = outcome(orjson.dumps(fields))
    if isinstance(got, Problem):
        assert got.status == 400
        assert "field" in got.members
        orjson.loads(got.response().body)
    else:
        assert isinstance(got, SearchRequest)
