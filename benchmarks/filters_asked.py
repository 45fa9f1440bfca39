"""The filters that are timed, chosen from the catalogue's own columns so that shares are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.corpus.documents import Documents
from app.corpus.geometry import haversine_km

SHARES = (0.5, 0.1, 0.01, 0.001)
Json = dict[str, Any]


def all_filters(documents: Documents) -> dict[str, Json]:
    """Return bodies by name: ranges, circles, a box, keywords, and a tree of many clauses."""
    prices = {f"price {share:.1%}": _prices(documents, share) for share in SHARES}
    circles = {f"circle {share:.1%}": _circle(documents, share) for share in SHARES}
    cheap, near = prices["price 50.0%"], circles["circle 10.0%"]
    common, rare = _category(documents, 0), _category(documents, -1)
    tags = documents.keywords["tags"]
    often = np.argsort(-tags.postings.lengths, kind="stable")[:30]
    anyof = [{"tags": tags.names.strings[int(code)]} for code in often]
    return {
        **prices,
        **circles,
        "box 10.0%": _box(documents, 0.1),
        "common category": common,
        "rarest category": rare,
        "category and price": {**common, **cheap},
        "not the category": {"not": common},
        "33 clauses": {"or": anyof, "not": {"in_stock": False}, **cheap, **near},
        "20 ids": {"id": [documents.ids.strings[i] for i in _spread(documents, 20)]},
        "nothing": {"price": {"lt": -1}},
    }


def _prices(documents: Documents, share: float) -> Json:
    """The cheapest of the upper part of the range: neither end of it."""
    known = documents.numbers["price"][np.isfinite(documents.numbers["price"])]
    wanted = share * len(documents) / max(known.size, 1)
    start = min(0.4, 1 - wanted)
    low, high = np.quantile(known, [max(start, 0.0), min(start + wanted, 1.0)])
    return {"price": {"gte": float(low), "lte": float(high)}}


def _circle(documents: Documents, share: float) -> Json:
    lat, lon = _middle(documents)
    km = haversine_km(lat, lon, documents.numbers["lat"], documents.numbers["lon"])
    radius = float(np.nanquantile(km, share))
    return {"location": {"within_km": max(radius, 0.001), "lat": lat, "lon": lon}}


def _box(documents: Documents, share: float) -> Json:
    """From the middle of the city: a share of the longitudes, all latitudes."""
    low, high = np.nanquantile(documents.numbers["lon"], [0.5, 0.5 + share])
    return {"location": {"box": [-90.0, float(low), 90.0, float(high)]}}


def _middle(documents: Documents) -> tuple[float, float]:
    lat, lon = (float(np.nanmedian(documents.numbers[name])) for name in ("lat", "lon"))
    return lat, lon


def _category(documents: Documents, place: int) -> Json:
    column = documents.keywords["category"]
    order = np.argsort(-column.postings.lengths, kind="stable")
    return {"category": column.names.strings[int(order[place])]}


def _spread(documents: Documents, count: int) -> list[int]:
    return np.linspace(0, len(documents) - 1, count).astype(int).tolist()
