"""Draw a small shop: 1,000 products, what people clicked in lists, and what they did since.

    python make_shop.py FOLDER

Synthetic, and the same each time. Read it for the form of the three files; yours will be richer.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

PRODUCTS, SESSIONS, PEOPLE = 1_000, 6_000, 100
START_MS = 1_772_000_000_000
DAY_MS = 86_400_000
BRANDS = ("Lumo", "Northwind", "青禾", "Kestrel", "山石", "Aria", "小满", "Tarn", "云杉", "Pelican")
KINDS = (
    ("headphones", "耳机", 199), ("speaker", "音箱", 299), ("backpack", "双肩包", 259),
    ("kettle", "电水壶", 129), ("desk lamp", "台灯", 89), ("running shoes", "跑鞋", 399),
    ("rain jacket", "雨衣", 349), ("thermos", "保温杯", 79), ("keyboard", "键盘", 269),
    ("rice cooker", "电饭煲", 459), ("tent", "帐篷", 599), ("yoga mat", "瑜伽垫", 99),
)  # fmt: skip
STYLES = (
    ("wireless", "无线"), ("foldable", "折叠"), ("lightweight", "轻便"), ("silent", "静音"),
    ("waterproof", "防水"), ("classic", "经典"), ("for kids", "儿童"), ("travel", "旅行"),
)  # fmt: skip

Row = dict[str, Any]


def products(draw: random.Random) -> list[Row]:
    """One row a product. Only `id` and `title` are required."""
    return [_product(number, draw) for number in range(PRODUCTS)]


def _product(number: int, draw: random.Random) -> Row:
    kind, style, brand = draw.choice(KINDS), draw.choice(STYLES), draw.choice(BRANDS)
    return {
        "id": f"s{number:04}",
        "title": f"{brand} {style[1]}{kind[1]} {style[0]} {kind[0]}",
        "text": f"{brand} 的{style[1]}{kind[1]}。A {style[0]} {kind[0]} by {brand}.",
        "category": kind[0],
        "brand": brand,
        "tags": [style[0], style[1]],
        "price": round(kind[2] * draw.uniform(0.6, 1.8), 1),
        "rating": round(draw.triangular(2.5, 5.0, 4.4), 1),
        "popularity": int(draw.paretovariate(1.1)),
        "published_at": START_MS - draw.randrange(700) * DAY_MS,
        "in_stock": draw.random() < 0.95,
        "warranty_years": draw.choice((1, 1, 2, 3)),  # an attribute: no setting knows of it
    }


def sessions(rows: list[Row], draw: random.Random) -> Iterator[Row]:
    """One shown list a line. People look down the list and click what is of their brand."""
    favourite = {f"u{p}": draw.choice(BRANDS) for p in range(PEOPLE)}
    for number in range(SESSIONS):
        user, kind, style = f"u{draw.randrange(PEOPLE)}", draw.choice(KINDS), draw.choice(STYLES)
        language = draw.randrange(2)
        words = (style[language], kind[language])
        shown = _shown(rows, kind[0], style[0], draw)
        yield {
            "request_id": f"r{number}",
            "ts": START_MS + number * 150_000,
            "query": " ".join(words) if language == 0 else "".join(words),
            "user_id": user,
            "shown": [r["id"] for r in shown],
            "clicked": [
                r["id"]
                for place, r in enumerate(shown)
                if draw.random() < _worth(r, style, favourite[user]) / (1 + 0.3 * place)
            ],
        }


def _shown(rows: list[Row], category: str, style: str, draw: random.Random) -> list[Row]:
    """Ten of the kind, about half of them in the style, in no order."""
    kind = [r for r in rows if r["category"] == category]
    fits = [r for r in kind if style in r["tags"]]
    others = [r for r in kind if style not in r["tags"]]
    shown = draw.sample(fits, min(5, len(fits)))
    shown += draw.sample(others, min(10 - len(shown), len(others)))
    return draw.sample(shown, len(shown))


def _worth(row: Row, style: tuple[str, str], brand: str) -> float:
    worth = 0.03 + 0.15 * (style[0] in row["tags"]) + 0.75 * (row["brand"] == brand)
    return worth * (row["rating"] / 5) ** 2 * row["in_stock"]


def events(listed: Iterable[Row], draw: random.Random) -> Iterator[Row]:
    """One action a line: some of what was clicked was bought, a while later."""
    for one in listed:
        for bought in one["clicked"][:1]:
            if draw.random() < 0.2:
                yield {
                    "event_id": f"e-{one['request_id']}",
                    "action_name": "purchase",
                    "timestamp": one["ts"] + 900_000,
                    "user_id": one["user_id"],
                    "query_id": one["request_id"],
                    "event_attributes": {"object": {"object_id": bought}},
                }


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, "utf-8")
    print(f"{path}: {text.count(chr(10)):,} lines")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder, draw = Path(sys.argv[1]), random.Random(7)
    folder.mkdir(parents=True, exist_ok=True)
    rows = products(draw)
    listed = list(sessions(rows, draw))
    write(folder / "catalog.jsonl", rows)
    write(folder / "sessions.jsonl", listed)
    write(folder / "events.jsonl", events(listed, draw))


if __name__ == "__main__":
    main()
