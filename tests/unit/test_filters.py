"""Filters as JSON: what they mean, and how each wrong one is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.corpus.schema import FieldSpec, FieldType, Schema
from app.domain.errors import InvalidQuery
from app.domain.filters import AllOf, AnyOf, Box, Not, OneOf, Range, Within
from app.query.filters import parse_filters

TYPES = {
    "title": FieldType.TEXT,
    "category": FieldType.KEYWORD,
    "price": FieldType.NUMBER,
    "published_at": FieldType.TIME,
    "in_stock": FieldType.BOOL,
    "location": FieldType.GEO,
}
SCHEMA = Schema({name: FieldSpec(name, type) for name, type in TYPES.items()})


@pytest.mark.parametrize(
    ("body", "tree"),
    [
        ({"price": {"gte": 50, "lte": 100}}, Range("price", 50, 100)),
        ({"price": {"gt": 5}}, Range("price", 5, math.inf, lower_open=True)),
        ({"price": {"lt": 5.5}}, Range("price", -math.inf, 5.5, upper_open=True)),
        ({"price": 5}, Range("price", 5, 5)),
        ({"price": {"eq": 5}}, Range("price", 5, 5)),
        ({"price": [5]}, Range("price", 5, 5)),
        ({"price": [5, 6, 5]}, AnyOf((Range("price", 5, 5), Range("price", 6, 6)))),
        ({"category": "bbq"}, OneOf("category", ("bbq",))),
        ({"category": ["bbq", "茶", "bbq"]}, OneOf("category", ("bbq", "茶"))),
        ({"id": ["a", "b"]}, OneOf("id", ("a", "b"))),
        ({"in_stock": True}, Range("in_stock", 1, 1)),
        ({"in_stock": False}, Range("in_stock", 0, 0)),
        ({"published_at": 1000}, Range("published_at", 1000, 1000)),
        (
            {"published_at": {"gte": "1970-01-01T08:00:01+08:00"}},
            Range("published_at", 1000, math.inf),
        ),
        ({"not": {"category": "bbq"}}, Not(OneOf("category", ("bbq",)))),
        ({"location": {"within_km": 2, "lat": 31, "lon": 121.5}}, Within(31, 121.5, 2)),
        ({"location": {"box": [-20, 170.5, -10, -170]}}, Box(-20, 170.5, -10, -170)),
        (
            {"or": [{"location": {"box": [0, 0, 1, 1]}}, {"not": {"location": {"box": [0] * 4}}}]},
            AnyOf((Box(0, 0, 1, 1), Not(Box(0, 0, 0, 0)))),
        ),
        (
            {"in_stock": True, "or": [{"price": 1}, {"category": "a", "price": 2}]},
            AllOf(
                (
                    Range("in_stock", 1, 1),
                    AnyOf(
                        (
                            Range("price", 1, 1),
                            AllOf((OneOf("category", ("a",)), Range("price", 2, 2))),
                        )
                    ),
                )
            ),
        ),
    ],
)
def test_json_means_this_tree(body, tree):
    assert parse_filters(body, SCHEMA) == tree


def test_no_filters_are_no_tree():
    assert parse_filters({}, SCHEMA) is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"colour": "red"}, "filters.colour"),
        ({"title": "noodle"}, "filters.title"),
        ({"location": {"lat": 1}}, "filters.location"),
        ({"location": {}}, "filters.location"),
        ({"location": "here"}, "filters.location"),
        ({"location": [31, 121]}, "filters.location"),
        ({"location": {"within_km": 2, "lat": 1, "lon": 2, "box": [0] * 4}}, "filters.location"),
        ({"location": {"within_km": 0, "lat": 1, "lon": 2}}, "filters.location.within_km"),
        ({"location": {"within_km": 20_039, "lat": 1, "lon": 2}}, "filters.location.within_km"),
        ({"location": {"within_km": "2", "lat": 1, "lon": 2}}, "filters.location.within_km"),
        ({"location": {"within_km": 2, "lat": 91, "lon": 2}}, "filters.location.lat"),
        ({"location": {"within_km": 2, "lat": 1, "lon": -181}}, "filters.location.lon"),
        ({"location": {"within_km": 2, "lat": math.nan, "lon": 2}}, "filters.location.lat"),
        ({"location": {"box": [0, 0, 1]}}, "filters.location.box"),
        ({"location": {"box": {"south": 0}}}, "filters.location.box"),
        ({"location": {"box": [2, 0, 1, 1]}}, "filters.location.box"),
        ({"location": {"box": [0, 0, 1, True]}}, "filters.location.box.3"),
        ({"location": {"box": [0, 10**400, 1, 1]}}, "filters.location.box.1"),
        ({"location": {"box": [0, 0, 90.5, 1]}}, "filters.location.box.2"),
        ({"price": "cheap"}, "filters.price"),
        ({"price": True}, "filters.price"),
        ({"price": None}, "filters.price"),
        ({"price": []}, "filters.price"),
        ({"price": {}}, "filters.price"),
        ({"price": [1, "2"]}, "filters.price.1"),
        ({"price": {"gte": math.nan}}, "filters.price.gte"),
        ({"price": {"gte": math.inf}}, "filters.price.gte"),
        ({"price": {"gte": 10**400}}, "filters.price.gte"),
        ({"price": {"gte": [1]}}, "filters.price.gte"),
        ({"price": {"above": 1}}, "filters.price"),
        ({"price": {"gte": 2, "lte": 1}}, "filters.price"),
        ({"price": {"gte": 2, "gt": 1}}, "filters.price"),
        ({"price": {"eq": 2, "lt": 3}}, "filters.price"),
        ({"category": 5}, "filters.category"),
        ({"category": []}, "filters.category"),
        ({"category": {"eq": "a"}}, "filters.category"),
        ({"category": ["a", None]}, "filters.category.1"),
        ({"category": "\ud800"}, "filters.category"),
        ({"category": ["a"] * 1025}, "filters.category"),
        ({"in_stock": 1}, "filters.in_stock"),
        ({"in_stock": "true"}, "filters.in_stock"),
        ({"in_stock": {"gte": True}}, "filters.in_stock"),
        ({"published_at": "yesterday"}, "filters.published_at"),
        ({"published_at": {"lt": "2026-02-30"}}, "filters.published_at.lt"),
        ({"published_at": 10**18}, "filters.published_at"),
        ({"or": []}, "filters.or"),
        ({"or": {"price": 1}}, "filters.or"),
        ({"or": [{}]}, "filters.or.0"),
        ({"or": [{"price": 1}, 7]}, "filters.or.1"),
        ({"not": [1]}, "filters.not"),
        ({"not": {"price": "x"}}, "filters.not.price"),
        ({"id": 7}, "filters.id"),
        ([], "filters"),
        ("price", "filters"),
    ],
)
def test_a_wrong_filter_is_refused_by_its_path_with_a_remedy(body, field):
    with pytest.raises(InvalidQuery) as refusal:
        parse_filters(body, SCHEMA)
    assert refusal.value.field == field
    assert refusal.value.limit
    assert refusal.value.remedy


def test_sixty_four_clauses_pass_and_one_more_does_not():
    pair = {"price": 1, "in_stock": True}
    assert parse_filters({"or": [pair] * 32}, SCHEMA)
    with pytest.raises(InvalidQuery, match="65 clauses"):
        parse_filters({"or": [pair] * 32, "category": "a"}, SCHEMA)


def nested(levels: int) -> dict:
    body: dict = {"price": 1}
    for _ in range(levels - 1):
        body = {"not": body}
    return body


def test_eight_levels_pass_and_one_more_does_not():
    assert parse_filters(nested(8), SCHEMA)
    for levels in (9, 900, 20_000):
        with pytest.raises(InvalidQuery, match="levels"):
            parse_filters(nested(levels), SCHEMA)


def deep_list(levels: int) -> list:
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("field", ["price", "category", "published_at", "in_stock", "or", "id"])
def test_a_list_deeper_than_the_stack_is_refused(field):
    with pytest.raises(InvalidQuery, match=f"filters.{field}"):
        parse_filters({field: deep_list(20_000)}, SCHEMA)


OTHER_KEYS = ("or", "not", "id", "gte", "gt", "lte", "lt", "eq", "within_km", "lat", "lon", "box")
KEYS = st.sampled_from([*TYPES, *OTHER_KEYS]) | st.text()
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=8)
    | st.sampled_from(["2026-01-31T04:00:00Z", "0000-00-00", "10000-01-01"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=30,
)


@given(st.dictionaries(KEYS, JSON, max_size=4) | JSON)
@example({"\ud800": 1})
def test_any_json_is_a_tree_or_a_refusal(body):
    try:
        tree = parse_filters(body, SCHEMA)
    except InvalidQuery as refusal:
        f"{refusal.field} {refusal}".encode()
    else:
        assert tree is not None or body == {}
