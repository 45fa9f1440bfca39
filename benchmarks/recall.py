"""Recall of single channels on real data: behaviour, geography, and every channel under filters.

    DUOLU_DATASETS=DIR python benchmarks/recall.py

- behaviour: ml_latest_small, each user's last 20 % by time held out, empty query, seen films
  removed: recall@20 of behaviour, profile and popular.
- geo: airbnb_bj_sh, 1,000 origins, nearest 100 against brute force with another formula.
- filters: every channel's first 100 under random masks and circles around some document that allow
  50 %, 10 %, 1 % and 0.1 % of the rows, against the exact ranking of the allowed rows:
  airbnb_bj_sh, and a synthetic city, whose people have done things that behaviour and profile can
  go by (benchmarks/speed.py draws it). A circle may forbid all that is closest to a query.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from real_sets import real_sets
from relevance import NOW_MS, SEED, workplace
from results_file import write
from speed_catalogue import Asked, prepare

from app.corpus.geometry import haversine_km
from app.corpus.masks import row_mask
from app.domain.candidates import ChannelHits
from app.domain.filters import Not, OneOf, RowMask
from app.domain.query import Deadline, GeoPoint, Query
from app.offline.confidence import difference_interval, mean_interval
from app.offline.datasets import convert
from app.offline.datasets.dataset import Dataset
from app.offline.reindex import reindex
from app.offline.replay import Replay
from app.offline.trec import read_qrels, read_queries
from app.offline.workflow import import_log, refresh_tables
from app.offline.workplace import Workplace
from app.query.understand import SearchRequest
from app.recall.channel import RecallChannel
from app.snapshot.context import SearchContext

QUERIES = 60  # of the city's own
WORDS = (
    "北京 地铁 整租",
    "sunny apartment",
    "外滩 loft",
    "民宿 亲子",
    "room near metro",
    "故宫 胡同",
    "300元以下 整套房子 北京",
    "entire home under 500, at least 2 bedrooms",
)


CHANNELS = ("lexical", "vector", "geo", "popular", "structured")
OF_PEOPLE = ("behaviour", "profile")
SHARES, KINDS = (0.5, 0.1, 0.01, 0.001), ("random", "circle")


def main(
    work: Annotated[Path, typer.Option()] = Path("data/bench/recall"),
    cities: Annotated[Path, typer.Option(help="Where cities are kept.")] = Path("data/bench/speed"),
    size: Annotated[int, typer.Option(help="Documents of the city.")] = 100_000,
) -> None:
    """Run the three and write results/recall.json."""
    source = real_sets()
    shutil.rmtree(work, ignore_errors=True)
    samples: dict[str, Any] = {}
    rows = behaviour(index("ml_latest_small", source, work), samples)
    listings = index("airbnb_bj_sh", source, work)
    rows += geo(listings[1], samples)
    typed = [
        Asked(SearchRequest(words, origin=GeoPoint(39.9, 116.4)), NOW_MS) for words in WORDS * 5
    ]
    rows += filtered("airbnb_bj_sh", listings[1], typed, CHANNELS, samples)
    city = prepare(size, cities, rebuild=False)
    asked, channels = city.queries(QUERIES), (*CHANNELS, *OF_PEOPLE)
    rows += filtered(f"city_{size}", city.place, asked, channels, samples)
    typer.echo(f"written: {write('recall', rows, samples)}")


def index(name: str, source: Path, work: Path) -> tuple[Dataset, Workplace]:
    convert(name, source, work / name / "source")
    dataset = Dataset.open(work / name / "source")
    place = workplace(dataset, work / name)
    reindex([str(dataset.catalog)], place.settings, place.data, now_ms=NOW_MS)
    return dataset, place


def behaviour(indexed: tuple[Dataset, Workplace], samples: dict[str, Any]) -> list[dict[str, Any]]:
    """recall@20 of each channel alone; relevant = the held-out films."""
    dataset, place = indexed
    split = dataset.splits[0]
    snapshot = place.snapshot()
    import_log(place, [str(split.train.events)], [], NOW_MS)
    refresh_tables(place, snapshot, NOW_MS)
    topics = read_queries(split.test.queries)
    qrels, seen = read_qrels(split.test.qrels), read_qrels(split.test.seen)
    with place.door() as door:
        asked = door.of_known([SearchRequest(user_id=topic.user_id) for topic in topics])
    found: dict[str, list[float]] = {}
    with Replay(place.settings, snapshot, place.tables(snapshot)) as replay:
        channels = {lane.name: lane.channel for lane in replay.serving.search.fanout.lanes}
        for topic, request in zip(topics, asked, strict=True):
            ctx = replay.context(request, topic.now_ms or NOW_MS)
            unseen = Not(OneOf("id", tuple(seen.get(topic.qid, {"": 0}))))
            ctx = replace(ctx, mask=row_mask(unseen, snapshot.documents))
            wanted = {d for d, grade in qrels[topic.qid].items() if grade > 0}
            for name in ("popular", "behaviour", "profile"):
                hits = recall(channels[name], ctx, 20)
                ids = {snapshot.documents.ids.strings[int(r)] for r in hits.rows}
                found.setdefault(name, []).append(len(ids & wanted) / len(wanted))
    values = {name: np.array(v) for name, v in found.items()}
    samples["ml_latest_small"] = found
    return [_report_behaviour(name, values) for name in values]


def _report_behaviour(name: str, values: dict[str, np.ndarray]) -> dict[str, Any]:
    i = mean_interval(values[name], SEED)
    ratio = i.mean / values["popular"].mean()
    paired = difference_interval(values[name], values["popular"], SEED)
    typer.echo(f"ml_latest_small {name:<10} recall@20 {i}  {ratio:.2f} × popular  (− {paired})")
    return _row("ml_latest_small", name, "R@20", i, values[name].size) | {"ratio": ratio}


def geo(place: Workplace, samples: dict[str, Any]) -> list[dict[str, Any]]:
    """Nearest 100 within the radius, against the law of cosines over every listing."""
    snapshot = place.snapshot()
    lat, lon = (snapshot.documents.numbers[n] for n in ("lat", "lon"))
    rng = np.random.default_rng(SEED)
    at = rng.integers(0, len(snapshot), 1000)
    origins = np.stack([lat[at], lon[at]], 1) + rng.normal(0, 0.05, (1000, 2))
    radius = place.settings.channels["geo"].own["radius_km"]
    wrong = 0
    with Replay(place.settings, snapshot, place.tables(snapshot)) as replay:
        channel = _channel(replay, "geo")
        for here in origins:
            ctx = _context(replay, Query("", (), NOW_MS, origin=GeoPoint(*map(float, here))))
            hits = recall(channel, ctx, 100)
            far = _law_of_cosines_km(here, lat, lon)
            nearest = np.lexsort((np.arange(far.size), far))[:100]
            nearest = nearest[far[nearest] <= radius]
            same = hits.rows.size == nearest.size and np.allclose(
                -hits.scores, far[nearest], atol=2e-3
            )
            wrong += not same
    typer.echo(f"airbnb_bj_sh geo: {wrong} of 1,000 origins differ from brute force")
    samples["geo"] = {"origins": origins.tolist(), "wrong": wrong}
    i = mean_interval(np.array([1.0] * (1000 - wrong) + [0.0] * wrong), SEED)
    return [_row("airbnb_bj_sh", "geo", "equals brute force", i, 1000)]


def filtered(
    name: str,
    place: Workplace,
    asked: Sequence[Asked],
    channels: Sequence[str],
    samples: dict[str, Any],
) -> list[dict[str, Any]]:
    """recall@100 under masks: the exact ranking is put together from masks of 500 rows each."""
    snapshot, rows = place.snapshot(), []
    rng = np.random.default_rng(SEED)
    with Replay(place.settings, snapshot, place.tables(snapshot)) as replay:
        for channel, kind, share in product(channels, KINDS, SHARES):
            found = list(_recalls(replay, _channel(replay, channel), asked, kind, share, rng))
            samples[f"filtered {name} {channel} {kind} {share}"] = found
            i = mean_interval(np.array(found), SEED)
            what = f"{channel:<10} {kind} {share:6.1%}"
            typer.echo(f"{name} {what}  recall@100 {i}  ({len(found)})")
            rows.append(_row(name, f"{channel} {kind} {share}", "R@100", i, len(found)))
    return rows


def _recalls(
    replay: Replay,
    channel: RecallChannel,
    asked: Sequence[Asked],
    kind: str,
    share: float,
    rng: np.random.Generator,
) -> Iterator[float]:
    """Yield what is found of the best that is allowed; nothing of a query that may find nothing."""
    n = len(replay.serving.snapshot)
    for one in asked:
        base = replay.context(one.request, one.now_ms)
        allowed = _some(replay, kind, max(1, int(n * share)), rng)
        hits = recall(channel, replace(base, mask=_mask(n, allowed)), 100)
        pieces = [
            recall(channel, replace(base, mask=_mask(n, part)), 1000)
            for part in np.array_split(allowed, max(1, allowed.size // 500))
        ]
        scores = np.concatenate([p.scores for p in pieces])
        best = np.sort(scores)[::-1][:100]
        if best.size:
            yield float((hits.scores >= best[-1] - 1e-6).sum() / best.size)


def _some(replay: Replay, kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows drawn at random, or those nearest to a document drawn at random; ascending."""
    numbers = replay.serving.snapshot.documents.numbers
    if kind == "random":
        return np.sort(rng.choice(numbers["lat"].size, count, replace=False))
    at = rng.choice(np.flatnonzero(np.isfinite(numbers["lat"])))
    km = haversine_km(numbers["lat"][at], numbers["lon"][at], numbers["lat"], numbers["lon"])
    return np.sort(np.argsort(np.nan_to_num(km, nan=np.inf), kind="stable")[:count])


def recall(channel: RecallChannel, ctx: SearchContext, k: int) -> ChannelHits:
    return channel.recall(ctx, k) if channel.accepts(ctx) else ChannelHits.nothing("skipped")


def _mask(n: int, rows: np.ndarray) -> RowMask:
    allowed = np.zeros(n, np.bool_)
    allowed[rows] = True
    return RowMask(allowed, rows.size)


def _channel(replay: Replay, name: str) -> RecallChannel:
    return next(x.channel for x in replay.serving.search.fanout.lanes if x.name == name)


def _context(replay: Replay, query: Query) -> SearchContext:
    ctx = replay.context(SearchRequest(), query.now_ms)
    return replace(ctx, query=query, deadline=Deadline.after_ms(60_000))


def _law_of_cosines_km(here: np.ndarray, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    a, b = np.radians(here[0]), np.radians(lat)
    cosine = np.sin(a) * np.sin(b) + np.cos(a) * np.cos(b) * np.cos(np.radians(lon - here[1]))
    return np.nan_to_num(6371.0088 * np.arccos(np.clip(cosine, -1, 1)), nan=np.inf)


def _row(name: str, variant: str, metric: str, i: Any, queries: int) -> dict[str, Any]:
    return {
        "set": name, "variant": variant, "metric": metric, "value": i.mean, "low": i.low,
        "high": i.high, "judged_at_10": None, "queries": queries,
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
