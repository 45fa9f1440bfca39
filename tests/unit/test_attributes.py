"""Keys that configuration does not name get the type that the whole catalogue shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus.attributes import Census, conform, infer
from app.corpus.schema import FieldType


def census_of(rows):
    census = Census(frozenset({"id", "title"}))
    for row in rows:
        census.count(row)
    return census


def inferred(values, **limits):
    options = {"weight": 0.3, "max_attributes": 64} | limits
    return infer(census_of([{"id": "a", "x": v} for v in values]), **options)


@pytest.mark.parametrize(
    ("values", "type_", "weight"),
    [
        ([1, 2.5], FieldType.NUMBER, 0),
        ([True, False], FieldType.BOOL, 0),
        (["a", "b"], FieldType.KEYWORD, 0.3),
        ([["a"], "b", []], FieldType.KEYWORD, 0.3),
        ([1, "N/A"], FieldType.KEYWORD, 0.3),
        ([1, True], FieldType.KEYWORD, 0.3),
        (["long " * 20, "b"], FieldType.KEYWORD, 0.3),
        (["long " * 20, "long " * 20, "b"], FieldType.TEXT, 0.3),
    ],
)
def test_the_type_is_what_the_values_are(values, type_, weight):
    (spec,) = inferred(values).fields
    assert (spec.name, spec.type, spec.weight) == ("x", type_, weight)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([{"a": 1}], "objects"),
        (["a", {"a": 1}], "objects"),
        ([[1.0, 2.0]], "objects"),
        ([[]], "empty"),
        (["https://a/b.jpg", "http://c"], "links"),
    ],
)
def test_what_nobody_searches_is_only_shown_and_named(values, why):
    found = inferred(values)
    assert found.fields == ()
    assert why in found.unindexed["x"]


def test_the_most_frequent_attributes_come_first_and_the_rest_is_named():
    rows = [{"rare": 1}, {"b": 1, "often": "x"}, {"a": 1, "often": "y"}]
    found = infer(census_of(rows), 0.3, 3)
    assert [f.name for f in found.fields] == ["often", "a", "b"]
    assert "max_attributes = 3" in found.unindexed["rare"]


def test_declared_keys_are_no_attributes():
    assert infer(census_of([{"id": "a", "title": "A"}]), 0.3, 9).fields == ()


def test_mixed_values_are_filtered_by_as_json_writes_them():
    fields = inferred([1, "a", True, 2.5]).fields
    words = [conform({"x": v}, fields)["x"] for v in (1, "a", True, 2.5, ["b"])]
    assert words == ["1", "a", "true", "2.5", ["b"]]


values = st.booleans() | st.integers() | st.text(max_size=90) | st.lists(st.text(), max_size=2)


@given(st.lists(st.dictionaries(st.sampled_from("xyz"), values)), st.integers(0, 5))
def test_counting_in_parts_is_counting_the_whole(rows, cut):
    whole, parts = census_of(rows), census_of(rows[:cut])
    parts.add(census_of(rows[cut:]))
    assert infer(parts, 0.3, 2) == infer(whole, 0.3, 2)
