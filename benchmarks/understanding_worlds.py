"""The catalogues that queries are asked of: the demo city, and Airbnb listings where they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from understanding_queries import Bound, Fits

from app.bootstrap import Engine
from app.offline.datasets import convert
from app.offline.demo.generate import DemoOptions, write_demo
from app.offline.lines import json_objects
from app.offline.reindex import reindex
from app.settings import Settings

ROOT = Path(__file__).parents[1]
DISHES = ("火锅", "烧烤", "海鲜", "咖啡馆", "酒店", "面馆")
NOW_MS = 1_767_225_600_000
LISTINGS = "airbnb_bj_sh"
CHANNELS = ("lexical", "vector", "behaviour", "geo", "profile", "popular", "structured")

CITY_BOUNDS = (
    Bound("price", "{n}元以下的{x}", False, (50, 100, 200)),
    Bound("price", "{x} 人均不超过{n}块", False, (60, 120)),
    Bound("price", "{x} under {n} yuan", False, (50, 100, 200)),
    Bound("price", "{x} cheaper than {n} rmb", False, (80, 150)),
    Bound("rating", "评分{n}以上的{x}", True, (4, 4.5)),
    Bound("rating", "{x} rated at least {n}", True, (4, 4.5)),
)
LISTING_BOUNDS = (
    Bound("price", "{n}元以下的{x}", False, (1000, 2000)),
    Bound("price", "{x} under {n} yuan", False, (1000, 2000)),
    Bound("rating", "{x} 评分{n}以上", True, (4.5, 4.8)),
    Bound("rating", "{x} rated above {n}", True, (4.5, 4.8)),
    Bound("bedrooms", "{x} 至少{n}居室", True, (2, 3, 4)),
    Bound("bedrooms", "{x} with at least {n} bedrooms", True, (2, 3, 4)),
    Bound("accommodates", "{x} 可住{n}人以上", True, (4, 6, 8)),
    Bound("accommodates", "{x} for at least {n} guests", True, (4, 6, 8)),
)


@dataclass(frozen=True, slots=True)
class World:
    name: str
    documents: Sequence[Mapping[str, Any]]
    engine: Engine
    bounds: tuple[Bound, ...]
    kinds: Mapping[str, Fits]


def worlds(work: Path, documents: int, sources: Path | None) -> Iterator[World]:
    """Index each catalogue and open it."""
    yield _demo(work / "demo", documents)
    if sources is not None and (sources / LISTINGS).is_dir():
        yield _listings(work / LISTINGS, sources)


def _demo(work: Path, documents: int) -> World:
    source = work / "source"
    until = datetime(2026, 11, 1, tzinfo=UTC)
    write_demo(DemoOptions(documents, 500, 0, 0, 60, until, 7), source, lambda *_: None)
    kinds = {
        **{name: _is("category", name) for name in DISHES},
        **{
            english: _is("category", name)
            for english, name in (
                ("hotpot", "火锅"), ("barbecue", "烧烤"), ("seafood", "海鲜"), ("cafe", "咖啡馆"),
                ("hotel", "酒店"),
            )
        },
    }  # fmt: skip
    return _world("demo", source / "catalog.jsonl", work, (), CITY_BOUNDS, kinds)


def _listings(work: Path, sources: Path) -> World:
    listings = convert(LISTINGS, sources, work / "source")
    kinds = {
        **{name: _is("tags", name) for name in ("朝阳区", "浦东新区", "海淀区", "徐汇区")},
        "上海": _is("city", "上海"),
        "private room": _is("category", "Private room"),
        "entire home": _is("category", "Entire home/apt"),
    }
    return _world("airbnb", listings.catalog, work, listings.overrides, LISTING_BOUNDS, kinds)


def _is(field: str, value: str) -> Fits:
    return lambda d: d.get(field) == value or value in (d.get(field) or ())


def _world(
    name: str, catalogue: Path, work: Path, overrides: Sequence[str],
    bounds: tuple[Bound, ...], kinds: Mapping[str, Fits],
) -> World:  # fmt: skip
    patient = [
        f"channels.{name}.timeout_ms=10000" for name in CHANNELS
    ]  # a busy machine is no miss
    patient.append("service.timeout_ms=30000")
    settings = Settings.load(ROOT / "config" / "search.toml", [*overrides, *patient], {})
    reindex([str(catalogue)], settings, work / "data", now_ms=NOW_MS)
    engine = Engine(settings, work / "data", work / "models")
    engine.refresh()
    documents = [row for _, row in json_objects(catalogue)]
    return World(name, documents, engine, bounds, kinds)
