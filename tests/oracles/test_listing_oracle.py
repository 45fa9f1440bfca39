"""Facets, sorting and groups against going through every document in Python."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from functools import cache

import numpy as np
import pytest

from app.corpus.geometry import haversine_km
from app.domain.errors import InvalidQuery
from app.domain.filters import AllOf, Filter, Not, OneOf, Range
from app.domain.query import GeoPoint, SortKey
from app.merge.convex import ConvexMerger
from app.pipeline.facets import MOST_VALUES
from app.pipeline.search import Search
from app.query.understand import SearchRequest, understand
from app.recall.channels.lexical import LexicalChannel
from app.recall.channels.popular import PopularChannel
from app.recall.crew import Crew
from app.recall.fanout import Fanout, Lane
from tests.builders import city_rows, make_context, make_snapshot
from tests.builders.worlds import CATEGORIES, TAGS, WORDS

N = 500
ROWS = city_rows(N, seed=11)
for i, row in enumerate(ROWS):
    row.pop(("price", "rating", "brand")[i % 3] if i % 4 == 0 else "", None)
QUERIES = 1_000


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("listing") / "s"
    return make_snapshot(ROWS, folder, channels=("lexical", "popular"))


@pytest.fixture(scope="module")
def search(snapshot):
    tables = make_context(snapshot).tables
    crew = Crew({"lexical": 1, "popular": 1})
    kinds = {"lexical": LexicalChannel, "popular": PopularChannel}
    lanes = [
        Lane(n, kind.open(snapshot, tables, snapshot.part(n), {}), 100, 60_000, crew.berths[n])
        for n, kind in kinds.items()
    ]
    yield Search(Fanout(lanes), ConvexMerger({"lexical": 1.0, "popular": 0.1}), 500)
    crew.close()


def run(search, ctx):
    return asyncio.run(search.run(ctx, None))


def random_filter(rng) -> Filter | None:
    low = float(rng.uniform(10, 120))
    kinds: list[Filter | None] = [
        None,
        Range("price", low, low + float(rng.uniform(5, 100))),
        OneOf("category", tuple(rng.choice(CATEGORIES, 2))),
        Not(OneOf("tags", (str(rng.choice(TAGS)),))),
        AllOf((Range("rating", 2.5), OneOf("tags", (str(rng.choice(TAGS)),)))),
    ]
    return kinds[int(rng.integers(len(kinds)))]


def matches(snapshot, ctx, text) -> list[int]:
    """Rows that hold any of the terms and that the filter allows."""
    terms = set(ctx.query.terms)
    allowed = range(N) if ctx.mask is None else np.flatnonzero(ctx.mask.allowed).tolist()
    if not terms:
        return list(allowed)
    held = words_of_rows(snapshot.analyzer)
    return [i for i in allowed if held[i] & terms]


@cache
def words_of_rows(analyzer) -> list[set[str]]:
    fields = ("title", "text", "category", "tags", "brand")

    def words(row: dict) -> set[str]:
        values = [v for f in fields for v in np.atleast_1d(row.get(f, []))]
        return {t for v in values for t in analyzer.terms(str(v))}

    return [words(row) for row in ROWS]


def test_facets_are_exact_on_a_thousand_random_filtered_queries(snapshot, search):
    rng = np.random.default_rng(5)
    fields = ("category", "tags", "brand", "in_stock", "price")
    counted = 0
    for _ in range(QUERIES):
        text = " ".join(rng.choice(WORDS, int(rng.integers(0, 3))))
        ctx = make_context(snapshot, text, filters=random_filter(rng), facets=fields, limit=1)
        rows = matches(snapshot, ctx, text)
        result = run(search, ctx)
        assert (result.total, result.total_relation) == (len(rows), "eq")
        for field in fields:
            check_facet(result.counted.facets[field], field, rows)
            counted += 1
    assert counted == QUERIES * len(fields)


def check_facet(facet, field: str, rows: list[int]) -> None:
    values = [ROWS[i][field] for i in rows if field in ROWS[i]]
    assert facet.count == sum(v != [] for v in values)
    if field == "price":
        ends = (min(values), max(values)) if values else (None, None)
        assert (facet.low, facet.high) == ends
        return
    counts = Counter(v for value in values for v in (value if isinstance(value, list) else [value]))
    expected = sorted(counts.items(), key=lambda c: (-c[1], c[0] if field != "in_stock" else 0))
    assert list(facet.values) == expected[:MOST_VALUES]
    assert facet.distinct == len(counts)


@pytest.mark.parametrize("sort", [("price",), ("-price",), ("rating", "-price"), ("distance",)])
@pytest.mark.parametrize("text", ["", "老灶 火锅"])
def test_sorting_orders_every_match_and_puts_missing_values_last(snapshot, search, sort, text):
    keys = tuple(SortKey(s.removeprefix("-"), s.startswith("-")) for s in sort)
    here = (31.2, 121.45)

    def value(key: SortKey, row: dict) -> float:
        known = row.get(key.field)
        if key.field == "distance":
            known = near(here, row)
        return math.inf if known is None else -known if key.is_descending else known

    ctx = make_context(snapshot, text, origin=here, sort=keys)
    order = sorted(
        matches(snapshot, ctx, text), key=lambda i: (*(value(k, ROWS[i]) for k in keys), i)
    )
    got: list[int] = []
    for offset in range(0, len(order) + 7, 7):
        page = make_context(snapshot, text, origin=here, sort=keys, limit=7, offset=offset)
        result = run(search, page)
        assert result.total == len(order)
        got += result.rows.tolist()
    assert got == order


def near(here, row) -> float | None:
    if "lat" not in row:
        return None
    return float(haversine_km(*here, np.array([row["lat"]]), np.array([row["lon"]]))[0])


def test_a_group_is_its_best_document_and_the_number_that_match(snapshot, search):
    flat = run(search, make_context(snapshot, "火锅", limit=200))
    ctx = make_context(snapshot, "火锅", group_by="brand", limit=50)
    result = run(search, ctx)
    best, seen = [], set()
    for row in flat.rows.tolist():
        brand = ROWS[row].get("brand")
        if brand is None or brand not in seen:
            best.append(row)
            seen.add(brand)
    assert result.rows.tolist() == best[:50]
    everywhere = Counter(ROWS[i].get("brand") for i in matches(snapshot, ctx, "火锅"))
    for row, group in zip(result.rows.tolist(), result.counted.groups, strict=True):
        brand = ROWS[row].get("brand")
        assert group.value == brand
        assert group.count == (1 if brand is None else everywhere[brand])


def test_sorting_by_distance_without_a_place_is_refused(snapshot):
    with pytest.raises(InvalidQuery, match="needs a place"):
        understand(SearchRequest("火锅", sort="distance"), snapshot, 0)
    assert understand(
        SearchRequest("火锅", sort="distance", origin=GeoPoint(31.0, 121.0)), snapshot, 0
    ).sort == (SortKey("distance"),)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"facets": ["title"]}, "facets"),
        ({"facets": ["nothing"]}, "facets"),
        ({"facets": [f"f{i}" for i in range(17)]}, "facets"),
        ({"sort": "category"}, "sort"),
        ({"sort": ["price"] + [f"-{i}" for i in range(4)]}, "sort"),
        ({"group_by": "price"}, "group_by"),
        ({"sort": 5}, "sort"),
    ],
)
def test_what_cannot_be_counted_or_sorted_by_is_named(snapshot, asked, field):
    with pytest.raises(InvalidQuery) as refused:
        understand(SearchRequest("火锅", **asked), snapshot, 0)
    assert refused.value.field == field
