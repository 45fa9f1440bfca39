"""Small catalogues with known shape."""

from __future__ import annotations

from typing import Any

import numpy as np

CATEGORIES = ("火锅", "川菜", "咖啡", "酒店", "phone")
WORDS = ("老灶", "湖畔", "星光", "north", "garden", "牛肉", "noodle", "tea", "海景", "亲子")
TAGS = ("wifi", "停车", "露台", "pet friendly", "24h")


def city_rows(n: int = 200, seed: int = 7) -> list[dict[str, Any]]:
    """n places around one city centre: words, tags, prices and coordinates at random."""
    rng = np.random.default_rng(seed)
    return [_row(i, rng) for i in range(n)]


def _row(i: int, rng: np.random.Generator) -> dict[str, Any]:
    category = str(rng.choice(CATEGORIES))
    row: dict[str, Any] = {
        "id": f"d{i}",
        "title": " ".join([*rng.choice(WORDS, 2), category]),
        "text": " ".join(rng.choice(WORDS, 6)),
        "category": category,
        "tags": sorted(set(rng.choice(TAGS, 2))),
        "brand": f"brand{rng.integers(12)}",
        "price": round(float(rng.lognormal(4, 0.6)), 2),
        "rating": round(float(rng.uniform(2, 5)), 1),
        "popularity": float(rng.integers(0, 1000)),
        "published_at": 1_750_000_000_000 + int(rng.integers(0, 10**10)),
        "in_stock": bool(rng.random() < 0.8),
    }
    if rng.random() < 0.9:
        row["lat"] = round(float(rng.uniform(31, 31.4)), 6)
        row["lon"] = round(float(rng.uniform(121.2, 121.7)), 6)
    return row
