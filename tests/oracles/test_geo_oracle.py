"""Geo recall against measuring every document."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from app.corpus.geometry import haversine_km
from app.corpus.place_blocks import PlaceBlocks, Places
from app.domain.filters import RowMask
from app.domain.query import GeoPoint
from app.recall.channels.geo import SCAN_COST, GeoChannel

N = 9_000  # several groups of blocks


def places(seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Cities, the two poles, both sides of the antimeridian, equal points and missing ones."""
    rng = np.random.default_rng(seed)
    lats = np.degrees(np.arcsin(rng.uniform(-1, 1, N)))
    lons = rng.uniform(-180, 180, N)
    lats[:1200], lons[:1200] = rng.normal(31.2, 0.2, 1200), rng.normal(121.5, 0.2, 1200)
    lats[1200:1500], lons[1200:1500] = rng.normal(-17, 0.3, 300), 180 + rng.normal(0, 0.3, 300)
    lons = (lons + 180) % 360 - 180
    lats[1500:1600] = 90 - rng.exponential(0.3, 100)
    lats[1600:1650] = -90 + rng.exponential(0.3, 50)
    lats[1700:2000], lons[1700:2000] = 31.25, 121.5
    lats[2000], lats[2001], lons[2002], lons[2003] = 90, -90, 180, -180
    lats[2100:2200] = lons[2100:2200] = np.nan
    shuffled = rng.permutation(N)
    return lats[shuffled], lons[shuffled]


LATS, LONS = places()


def channel(radius_km: float, lats: np.ndarray = LATS, lons: np.ndarray = LONS) -> GeoChannel:
    return GeoChannel.over(lats, lons, PlaceBlocks.of(lats, lons), radius_km)


def request(lat: float, lon: float, mask: RowMask | None = None) -> SimpleNamespace:
    return SimpleNamespace(query=SimpleNamespace(origin=GeoPoint(lat, lon)), mask=mask)


def by_measuring_all(lat, lon, radius_km, k, allowed=None) -> tuple[list[int], list[float]]:
    km = haversine_km(lat, lon, LATS, LONS)
    inside = km <= radius_km if allowed is None else (km <= radius_km) & allowed
    rows = np.flatnonzero(inside)
    rows = rows[np.lexsort((rows, np.float32(km[rows])))][:k]
    return rows.tolist(), (-np.float32(km[rows])).tolist()


def origins(n: int) -> list[tuple[float, float]]:
    rng = np.random.default_rng(11)
    anywhere = np.degrees(np.arcsin(rng.uniform(-1, 1, n))), rng.uniform(-180, 180, n)
    known = rng.choice(np.flatnonzero(np.isfinite(LATS)), n)
    lats = np.where(rng.random(n) < 0.3, anywhere[0], LATS[known])
    lons = np.where(rng.random(n) < 0.3, anywhere[1], LONS[known])
    edges = [(90, 0), (-90, 77), (0, 180), (0, -180), (-17, 180), (-17, -180), (31.25, 121.5)]
    return [*edges, *zip(lats.tolist(), lons.tolist(), strict=True)][:n]


@pytest.mark.parametrize("radius_km", [50.0, 20_016.0])
def test_geo_is_the_nearest_of_all_from_a_thousand_origins(radius_km):
    geo = channel(radius_km)
    for i, (lat, lon) in enumerate(origins(1000)):
        k = (1, 10, 100, 400)[i % 4]
        hits = geo.recall(request(lat, lon), k)
        rows, scores = by_measuring_all(lat, lon, radius_km, k)
        assert hits.rows.tolist() == rows, (lat, lon, k)
        assert hits.scores.tolist() == scores


@pytest.mark.parametrize("scan_cost", [0.0, SCAN_COST, 1e9])  # no walk, some, as far as it goes
@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001, 0])
def test_a_filter_is_applied_inside(share, scan_cost, monkeypatch):
    monkeypatch.setattr("app.recall.channels.geo.SCAN_COST", scan_cost)
    geo = channel(500.0)
    for i, (lat, lon) in enumerate(origins(60)):
        allowed = np.random.default_rng(i).random(N) < share
        hits = geo.recall(request(lat, lon, RowMask(allowed, int(allowed.sum()))), 50)
        assert hits.rows.tolist() == by_measuring_all(lat, lon, 500.0, 50, allowed)[0]


def test_a_smaller_k_is_a_prefix_even_among_equal_places():
    geo = channel(50.0)
    most = geo.recall(request(31.25, 121.5), 1000)
    for k in (1, 2, 17, 299, 300, 301, 900):
        fewer = geo.recall(request(31.25, 121.5), k)
        assert fewer.rows.tolist() == most.rows[:k].tolist()


@pytest.mark.parametrize("k", [1, 5])
def test_a_catalogue_of_few_places_or_none(k):
    none = np.full(3, np.nan)
    assert channel(50.0, none, none).recall(request(0, 0), k).rows.size == 0
    one = np.array([np.nan, 1.0, np.nan])
    assert channel(500.0, one, one).recall(request(0, 0), k).rows.tolist() == [1]


def test_a_catalogue_without_a_place_field_has_nothing_near_under_a_narrow_filter():
    """Its blocks know of no rows at all, and few allowed rows are measured one by one."""
    from app.corpus.place_blocks import NOWHERE

    none = np.full(1_000, np.nan)
    nowhere = GeoChannel.over(none, none, NOWHERE.blocks, 50.0)
    allowed = np.arange(1_000) < 30
    hits = nowhere.recall(request(1.0, 2.0, RowMask(allowed, 30)), 100)
    assert hits.rows.size == 0


def test_a_circle_over_blocks_holds_what_the_distance_says_to_the_last_bit():
    held, rng = Places(LATS, LONS), np.random.default_rng(5)
    for lat, lon in origins(40):
        km = haversine_km(lat, lon, LATS, LONS)
        for edge in (0.0, 1.0, 30.0, 5_000.0, 20_016.0, *rng.choice(km[np.isfinite(km)], 6)):
            for radius in (edge, np.nextafter(edge, np.inf), np.nextafter(edge, 0.0)):
                found = held.within_km(lat, lon, float(radius), LATS, LONS)
                assert (found == (km <= radius)).all(), (lat, lon, radius)
