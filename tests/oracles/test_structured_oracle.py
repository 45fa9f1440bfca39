"""Structured recall against asking every document for every part."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from app.corpus.geometry import haversine_km
from app.domain.candidates import CandidateSet
from app.domain.filters import Range
from app.features.inputs import gather
from app.recall.channels.structured import BOUND_RARITY, NEAR_KM, TIE, StructuredChannel
from app.recall.popularity import popularity
from tests.builders import city_rows, make_context, make_snapshot
from tests.unit.test_reader import ROWS as NAMED

ROWS = [*city_rows(300), *NAMED]
QUERIES = [
    "火锅", "酒店 wifi", "50元到90元的火锅 评分3分以上", "brand3 海底捞", "评分4分以上",
    "100元以下",
]  # fmt: skip


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(ROWS, tmp_path_factory.mktemp("structured") / "s", channels=())


def has(row: dict, part) -> bool:
    if hasattr(part, "range"):
        value = row.get(part.range.field)
        return value is not None and part.range.lower <= value <= part.range.upper
    values = [row.get("category"), row.get("brand"), *row.get("tags", [])]
    return part.text in [v.lower() for v in values if v]


def naive(snapshot, reading, liked) -> dict[int, float]:
    """Score of each row that has any part."""
    parts = [*reading.mentions, *reading.quantities]
    holding = [sum(has(row, m) for row in ROWS) for m in reading.mentions]
    worths = [math.log1p(len(ROWS) / n) for n in holding]
    worths += [math.log1p(BOUND_RARITY)] * len(reading.quantities)
    scores = {}
    for i, row in enumerate(ROWS):
        met = sum(w for w, part in zip(worths, parts, strict=True) if has(row, part))
        if met:
            scores[i] = met / sum(worths) + float(TIE) * liked[i]
    return scores


@pytest.mark.parametrize("text", QUERIES)
@pytest.mark.parametrize("filters", [None, Range("price", 60.0, 100.0)])
def test_it_finds_the_documents_that_have_most_of_what_is_asked(snapshot, text, filters):
    ctx = make_context(snapshot, text, filters=filters)
    channel = StructuredChannel.open(snapshot, ctx.tables, snapshot.path, {})
    assert channel.accepts(ctx)
    liked = popularity(snapshot.documents, ctx.tables.counters["gain"], 0.25)
    scores = naive(snapshot, ctx.query.reading, liked / liked.max())
    if ctx.mask is not None:
        scores = {row: score for row, score in scores.items() if ctx.mask.allowed[row]}
    order = sorted(scores, key=lambda row: (-scores[row], row))
    for k in (1, 10, 1000):
        hits = channel.recall(ctx, k)
        np.testing.assert_allclose(hits.scores, [scores[r] for r in order[:k]], rtol=1e-5)
        assert {r: scores[r] for r in hits.rows.tolist()} == pytest.approx(
            dict(zip(hits.rows.tolist(), hits.scores.tolist(), strict=True)), rel=1e-5
        )


def found(snapshot, text, **where):
    """Whether the channel is asked at all, and the ids and scores that it brings."""
    ctx = make_context(snapshot, text, **where)
    channel = StructuredChannel.open(snapshot, ctx.tables, snapshot.path, {})
    hits = channel.recall(ctx, 1_000)
    ids = [snapshot.documents.ids.strings[row] for row in hits.rows]
    return channel.accepts(ctx), dict(zip(ids, hits.scores.tolist(), strict=True))


def test_a_place_alone_brings_what_lies_nearest(tmp_path):
    lats = np.linspace(39.80, 40.01, 200).tolist()
    rows = [
        {"id": f"d{i}", "title": f"d{i}", "lat": lat, "lon": 116.4} for i, lat in enumerate(lats)
    ]
    snapshot = make_snapshot([*rows, *NAMED], tmp_path / "s", channels=())
    is_asked, scores = found(snapshot, "天安门附近")
    numbers, ids = snapshot.documents.numbers, snapshot.documents.ids.strings
    km = haversine_km(39.905, 116.397, numbers["lat"], numbers["lon"])
    near = {ids[row]: 1 - km[row] / NEAR_KM for row in np.flatnonzero(km < NEAR_KM)}
    assert is_asked
    assert len(near) > 50
    assert scores == pytest.approx(near, rel=1e-5, abs=2 * float(TIE))
    assert next(iter(scores)) == "4"  # the place itself


def test_a_place_that_nobody_knows_bounds_nothing(tmp_path):
    """Without coordinates of what is named, nearness to the asker is no nearness to it."""
    nowhere = {"id": "5", "title": "三里屯", "category": "景点"}
    snapshot = make_snapshot([*NAMED, nowhere], tmp_path / "s", channels=())
    here = {"origin": (39.905, 116.397)}
    assert found(snapshot, "三里屯附近", **here) == (False, {})
    assert found(snapshot, "三里屯附近的火锅", **here) == found(snapshot, "火锅", **here)


def test_a_catalogue_without_places_is_asked_for_the_rest(tmp_path):
    fields = {"location": {"type": "keyword"}}
    rows = [{k: row[k] for k in ("id", "title", "category")} for row in NAMED]
    snapshot = make_snapshot(rows, tmp_path / "s", fields, channels=())
    assert not snapshot.documents.has_places
    here = {"origin": (39.905, 116.397)}
    assert found(snapshot, "天安门附近", **here) == (False, {})
    assert set(found(snapshot, "天安门附近的火锅", **here)[1]) == {"1"}


def test_an_address_that_speaks_of_a_brand_does_not_have_it(snapshot):
    ctx = make_context(snapshot, "海底捞")
    channel = StructuredChannel.open(snapshot, ctx.tables, snapshot.path, {})
    ids = [snapshot.documents.ids.strings[r] for r in channel.recall(ctx, 10).rows]
    assert ids == ["1"]  # and not the one with the address opposite


@pytest.mark.parametrize("text", QUERIES)
def test_features_say_what_recall_says(snapshot, text):
    ctx = make_context(snapshot, text)
    reading, rows = ctx.query.reading, np.arange(len(ROWS), dtype=np.int32)
    zeros = np.zeros(rows.size, np.float32)
    candidates = replace(CandidateSet.empty(()), rows=rows, fused=zeros)
    found = gather(["pair_asked_met", "pair_outside[price]"], ctx, candidates)
    parts = [*reading.mentions, *reading.quantities]
    expected = [sum(has(row, p) for p in parts) / len(parts) for row in ROWS]
    np.testing.assert_allclose(found["pair_asked_met"], expected, rtol=1e-6)
    priced = [q for q in reading.quantities if q.range.field == "price"]
    if priced:
        inside = [has(row, priced[0]) for row in ROWS]
        assert ((found["pair_outside[price]"] == 0) == inside).all()
