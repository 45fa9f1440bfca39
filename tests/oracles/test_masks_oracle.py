"""Row masks against a filter read row by row from the catalogue."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.documents import Documents
from app.corpus.geometry import haversine_km, within_box, within_km
from app.corpus.masks import row_mask, rows_in
from app.corpus.row_filter import allows
from app.domain.errors import UnknownName
from app.domain.filters import AllOf, AnyOf, Box, Filter, Not, OneOf, Range, Within
from tests.builders import city_rows, make_documents

ROWS: list[dict[str, Any]] = [
    {k: v for k, v in row.items() if k in ("id", "title") or (i + len(k)) % 7}
    for i, row in enumerate(city_rows(120))
]
ROWS = [{k: v for k, v in r.items() if k not in ("lat", "lon") or {"lat", "lon"} <= r.keys()}
        for r in ROWS]  # fmt: skip
NUMBERS = ("price", "rating", "published_at", "in_stock", "popularity")
KEYWORDS = ("category", "tags", "brand")


@pytest.fixture(scope="module")
def documents(tmp_path_factory) -> Documents:
    return make_documents(ROWS, tmp_path_factory.mktemp("masks") / "documents")


def matches(node: Filter, row: dict[str, Any]) -> bool:
    """Evaluate one filter on one row, as a reader of its definition would."""
    match node:
        case AllOf(parts):
            return all(matches(p, row) for p in parts)
        case AnyOf(parts):
            return any(matches(p, row) for p in parts)
        case Not(part):
            return not matches(part, row)
        case OneOf(field, wanted):
            held = row.get(field, [])
            return bool(set(held if isinstance(held, list) else [held]) & set(wanted))
        case Within(lat, lon, radius_km):
            return "lat" in row and arc_km(lat, lon, row["lat"], row["lon"]) <= radius_km
        case Box():
            return "lat" in row and is_in_box(node, row["lat"], row["lon"])
        case Range(field, lower, upper, lower_open, upper_open):
            if field not in row:
                return False
            value = float(row[field])
            above = value > lower if lower_open else value >= lower
            return above and (value < upper if upper_open else value <= upper)


def arc_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Vincenty's formula for the sphere: another way to the same distance."""
    a, b, d = math.radians(lat), math.radians(other_lat), math.radians(other_lon - lon)
    y = math.hypot(
        math.cos(b) * math.sin(d),
        math.cos(a) * math.sin(b) - math.sin(a) * math.cos(b) * math.cos(d),
    )
    x = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(d)
    return 6371.0088 * math.atan2(y, x)


def is_in_box(box: Box, lat: float, lon: float) -> bool:
    """Walk east from the western side: the place is met before the eastern side, or is not."""
    if not box.south <= lat <= box.north:
        return False
    if (box.west, box.east) == (-180, 180):
        return True
    to_place, to_east = (Fraction(x) - Fraction(box.west) for x in (lon, box.east))
    return to_place % 360 <= to_east % 360


@cache
def values(field: str) -> list[Any]:
    found = (row[field] for row in ROWS if field in row)
    flat = (v for value in found for v in (value if isinstance(value, list) else [value]))
    return sorted(set(flat))


def ranges(field: str) -> st.SearchStrategy[Range]:
    bounds = st.sampled_from([-math.inf, *map(float, values(field)), math.inf]) | st.floats(0, 100)
    return st.builds(Range, st.just(field), bounds, bounds, st.booleans(), st.booleans())


def keywords(field: str) -> st.SearchStrategy[OneOf]:
    words = st.lists(st.sampled_from(values(field)) | st.just("no such value"), max_size=4)
    return st.builds(OneOf, st.just(field), words.map(tuple))


LEAVES = st.one_of(
    *(ranges(f) for f in NUMBERS),
    *(keywords(f) for f in (*KEYWORDS, "id")),
    st.builds(Within, st.floats(30.5, 31.5), st.floats(121, 122), st.floats(0, 80)),
    st.builds(
        Box, st.floats(30, 31.2), st.floats(120, 122), st.floats(31.2, 32), st.floats(-9, 122)
    ),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, max_size=4).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=4).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(tree=TREES)
def test_the_mask_is_the_filter_row_by_row(documents, tree):
    mask = row_mask(tree, documents)
    assert mask.allowed.tolist() == [matches(tree, row) for row in ROWS]
    assert mask.count == mask.allowed.sum()
    assert mask.allowed.dtype == np.bool_


@settings(max_examples=200, deadline=None)
@given(tree=TREES, rows=st.lists(st.integers(0, len(ROWS) - 1), max_size=20))
def test_a_few_rows_are_filtered_as_all_are(documents, tree, rows):
    few = np.array(rows, np.int32)
    assert allows(tree, documents, few).tolist() == row_mask(tree, documents).allowed[few].tolist()


@given(st.lists(st.booleans(), max_size=70))
def test_the_rows_of_a_mask_are_those_that_it_allows(flags):
    rows = rows_in(np.array(flags, np.bool_))
    assert rows.tolist() == [row for row, is_allowed in enumerate(flags) if is_allowed]
    assert rows.dtype == np.int32


def test_a_missing_value_matches_only_the_negation(documents):
    without = np.array(["price" not in row for row in ROWS])
    everything = Range("price")
    assert (row_mask(everything, documents).allowed == ~without).all()
    assert (row_mask(Not(everything), documents).allowed == without).all()


def test_a_catalogue_without_places_has_nothing_within_reach(tmp_path):
    documents = make_documents([{"id": "a", "title": "t"}], tmp_path / "d")
    assert row_mask(Within(0, 0, 20_000), documents).count == 0
    assert row_mask(Box(-90, -180, 90, 180), documents).count == 0


@pytest.mark.parametrize("leaf", [Range("tags"), OneOf("price", ("1",)), Range("colour")])
def test_a_field_without_that_column_is_named(documents, leaf):
    with pytest.raises(UnknownName, match=leaf.field):
        row_mask(leaf, documents)


DEGREES = (st.floats(-90, 90), st.floats(-180, 180))
SEAMS = (
    st.sampled_from([-90.0, -89.9999, 0.0, 89.9999, 90.0]) | st.floats(-90, 90),
    st.sampled_from([-180.0, -179.9999, 0.0, 179.9999, 180.0]) | st.floats(-180, 180),
)


@settings(max_examples=300, deadline=None)
@given(*SEAMS, st.lists(st.tuples(*SEAMS), min_size=1, max_size=20), st.floats(0, 21_000))
def test_a_circle_holds_what_the_distance_says_to_the_last_bit(lat, lon, places, radius_km):
    lats, lons = np.array(places).T
    km = haversine_km(lat, lon, lats, lons)
    for radius in (radius_km, *km, *np.nextafter(km, 0.0), *np.nextafter(km, np.inf)):
        found = within_km(lat, lon, float(radius), lats, lons)
        assert found.tolist() == (km <= radius).tolist()


@settings(max_examples=300, deadline=None)
@given(
    st.tuples(SEAMS[0], SEAMS[0]).map(sorted), SEAMS[1], SEAMS[1],
    st.lists(st.tuples(*SEAMS), min_size=1, max_size=20),
)  # fmt: skip
def test_a_box_holds_what_a_walk_to_the_east_meets(latitudes, west, east, places):
    south, north = latitudes
    box, (lats, lons) = Box(south, west, north, east), np.array(places).T
    found = within_box(south, west, north, east, lats, lons)
    assert found.tolist() == [is_in_box(box, *place) for place in places]


def test_a_missing_place_is_in_no_circle_and_no_box():
    lats, lons = np.array([np.nan, 1.0]), np.array([1.0, np.nan])
    assert not within_km(1.0, 1.0, 20_038.0, lats, lons).any()
    assert not within_box(-90.0, -180.0, 90.0, 180.0, lats, lons).any()
    assert not within_box(-90.0, 1.0, 90.0, 0.0, lats, lons).any()


@given(*DEGREES, *DEGREES)
def test_distance_agrees_with_vincenty_everywhere(lat, lon, other_lat, other_lon):
    km = haversine_km(lat, lon, np.array([other_lat]), np.array([other_lon]))[0]
    assert km == pytest.approx(arc_km(lat, lon, other_lat, other_lon), rel=1e-7, abs=1e-3)


@pytest.mark.parametrize(
    ("here", "there", "km"),
    [
        ((0, 180), (0, -180), 0),
        ((10, 179.9), (10, -179.9), 0.2 * 111.195 * math.cos(math.radians(10))),
        ((90, 0), (90, 137), 0),
        ((89.9, 0), (89.9, 180), 0.2 * 111.195),
        ((0, 0), (0, 180), math.pi * 6371.0088),
    ],
)
def test_distance_at_the_seams_of_the_map(here, there, km):
    found = haversine_km(*here, np.array([there[0]]), np.array([there[1]]))[0]
    assert found == pytest.approx(km, rel=1e-4, abs=1e-6)


def test_a_missing_place_has_no_distance():
    assert np.isnan(haversine_km(0.0, 0.0, np.array([np.nan, 1.0]), np.array([1.0, np.nan]))).all()
