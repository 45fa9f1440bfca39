"""What vectors from behaviour add: alone, beside the text encoder, as features and as a channel.

    DUOLU_DATASETS=DIR python benchmarks/embeddings.py [--city data/demo] [--sets films,demo,msrd]

- films: ml_latest_small as in recall.py (each user's last fifth held out, empty query, seen films
  removed): recall@20 of the channel beside behaviour, profile and popular, by dim.
- demo: the synthetic city's sessions, newest lists held out by time.
- msrd: queries of the training part become lists of clicks on their relevant films, after the
  MovieLens ratings; held-out queries are msrd's own, of other words.

Rows are assembled once, with all features and channels on, and each model is fitted on its columns.
Figures of a pair are differences on the same queries, with 95 % intervals.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import typer
from recall import recall
from relevance import NOW_MS, RECIPE, SEED, load_events, workplace
from results_file import RESULTS, write

from app.corpus.masks import row_mask
from app.corpus.ragged import hash64
from app.domain.filters import Not, OneOf
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.offline.behaviour.build import facts_of, learn
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.memory import QueryTerms
from app.offline.confidence import Interval, difference_interval, mean_interval
from app.offline.dataset import TrainingSet
from app.offline.datasets import convert
from app.offline.datasets.dataset import Dataset
from app.offline.evaluate import Variant, measure
from app.offline.fit import fit
from app.offline.folds import cut
from app.offline.judged import Judged
from app.offline.labelled import JudgedBy, read_judged, read_labelled
from app.offline.recipe import Recipe
from app.offline.reindex import reindex
from app.offline.replay import Replay
from app.offline.timeline import Timeline
from app.offline.trec import Qrels, Topic, read_qrels, read_queries
from app.offline.workflow import import_log, refresh_tables
from app.offline.workplace import Workplace
from app.query.understand import SearchRequest
from app.rank.lightgbm_model import LightGbmModel
from app.rank.local import LocalRanker
from app.recall.channels.embedding import EmbeddingChannel
from app.settings import Settings
from app.snapshot.tables import Tables

ROOT = Path(__file__).parents[1]
DAY_MS = 86_400_000
METRICS = ("nDCG@10", "R@100")
COSINES = ("cosine_clicked", "cosine_taste")
LISTS = 2500  # trained and tested on: the newest of a log


def main(
    work: Annotated[Path, typer.Option()] = Path("data/bench/embeddings"),
    city: Annotated[Path, typer.Option(help="Made by scripts/demo_data.py.")] = Path("data/demo"),
    sets: Annotated[str, typer.Option(help="Which, by comma.")] = "films,demo,msrd",
) -> None:
    """Run them and write results/embeddings.json."""
    source = os.environ.get("DUOLU_DATASETS")
    if not source:
        raise SystemExit("DUOLU_DATASETS is not set: it names the folder of the real data sets")
    shutil.rmtree(work, ignore_errors=True)
    chosen = sets.split(",")
    rows, samples = _kept(chosen)
    for name in chosen:
        if name == "films":
            rows += films(Path(source), work, samples)
        elif name == "demo":
            rows += demo(city, work, samples)
        else:
            rows += msrd(Path(source), work, samples)
    typer.echo(f"written: {write('embeddings', rows, samples)}")


def _kept(chosen: Sequence[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What the result file says of the sets that are not run now."""
    file = RESULTS / "embeddings.json"
    old = orjson.loads(file.read_bytes()) if file.exists() else {"rows": [], "samples": {}}
    rows = [row for row in old["rows"] if row["set"] not in chosen]
    return rows, {k: v for k, v in old["samples"].items() if k not in chosen}


def films(source: Path, work: Path, samples: dict[str, Any]) -> list[dict[str, Any]]:
    """recall@20 of each channel alone; relevant = the held-out films."""
    convert("ml_latest_small", source, work / "films" / "source")
    dataset = Dataset.open(work / "films" / "source")
    place = workplace(dataset, work / "films")
    reindex([str(dataset.catalog)], place.settings, place.data, now_ms=NOW_MS)
    split, snapshot = dataset.splits[0], place.snapshot()
    import_log(place, [str(split.train.events)], [], NOW_MS)
    events = load_events(place)
    queries = QueryTerms.of(events, snapshot.analyzer, snapshot.documents.schema.analyzers)
    found: dict[str, list[float]] = {}
    for dim in (32, 64):
        plain = TableConfig()
        config = replace(plain, embedding=replace(plain.embedding, dim=dim))
        facts = {"id": f"dim{dim}", **facts_of(events, NOW_MS, config)}
        tables = Tables.of(learn(events, queries, NOW_MS, config), facts, snapshot.documents)
        for name, values in _recalled(place, tables, split.test).items():
            found[f"{name} dim {dim}" if name == "embedding" else name] = values
    samples["films"] = found
    rows = [_row("films", name, "R@20", _mean(v), len(v)) for name, v in found.items()]
    ours = found["embedding dim 32"]
    for other in ("behaviour", "profile", "popular", "embedding dim 64"):
        paired = difference_interval(np.array(ours), np.array(found[other]), SEED)
        rows.append(_row("films", f"embedding dim 32 − {other}", "R@20", paired, len(ours)))
    return rows


def _recalled(place: Workplace, tables: Tables, test: Any) -> dict[str, list[float]]:
    qrels, seen = read_qrels(test.qrels), read_qrels(test.seen)
    found: dict[str, list[float]] = {}
    snapshot, topics = place.snapshot(), read_queries(test.queries)
    with place.door() as door:
        asked = door.of_known([SearchRequest(user_id=topic.user_id) for topic in topics])
    with Replay(place.settings, snapshot, tables) as replay:
        channels = {lane.name: lane.channel for lane in replay.serving.search.fanout.lanes}
        channels["embedding"] = EmbeddingChannel.open(snapshot, tables, place.data, {})
        for topic, request in zip(topics, asked, strict=True):
            ctx = replay.context(request, topic.now_ms or NOW_MS)
            unseen = Not(OneOf("id", tuple(seen.get(topic.qid, {"": 0}))))
            ctx = replace(ctx, mask=row_mask(unseen, snapshot.documents))
            wanted = {d for d, grade in qrels[topic.qid].items() if grade > 0}
            for name in ("popular", "behaviour", "profile", "embedding"):
                hits = recall(channels[name], ctx, 20)
                ids = {snapshot.documents.ids.strings[int(r)] for r in hits.rows}
                found.setdefault(name, []).append(len(ids & wanted) / len(wanted))
    return found


def demo(city: Path, work: Path, samples: dict[str, Any]) -> list[dict[str, Any]]:
    """Held-out lists are the newest fifth, each seen with the tables of its own moment."""
    place = Workplace(_settings(), work / "demo" / "data", work / "demo" / "models")
    reindex([str(city / "catalog.jsonl")], place.settings, place.data, now_ms=NOW_MS)
    sessions = city / "sessions.jsonl"
    now_ms = 1 + max(s["ts"] for s in map(orjson.loads, sessions.open("rb")))
    return _trained("demo", place, city / "events.jsonl", sessions, None, now_ms, samples)


def msrd(source: Path, work: Path, samples: dict[str, Any]) -> list[dict[str, Any]]:
    """Clicks are what the training part's judges chose; the test part's judges decide."""
    convert("msrd", source, work / "msrd" / "source")
    dataset = Dataset.open(work / "msrd" / "source")
    place = Workplace(
        _settings(dataset.overrides), work / "msrd" / "data", work / "msrd" / "models"
    )
    reindex([str(dataset.catalog)], place.settings, place.data, now_ms=NOW_MS)
    part, test = dataset.splits[0].train, dataset.splits[0].test
    sessions = work / "msrd" / "sessions.jsonl"
    _write_sessions(read_queries(part.queries), read_qrels(part.qrels), sessions)
    with place.door() as door:
        asked = read_judged(test.queries, test.qrels, door.of_known, NOW_MS)
    some = sorted(asked, key=lambda j: hash64(j.qid))[:800]
    return _trained("msrd", place, part.events, sessions, some, NOW_MS, samples)


def _write_sessions(topics: Sequence[Topic], qrels: Qrels, to: Path) -> None:
    """One list a query, spread evenly over the year before NOW_MS, in an order of chance."""
    mixed = sorted(topics, key=lambda t: hash64(t.qid))
    with to.open("wb") as out:
        for i, topic in enumerate(mixed):
            grades = qrels.get(topic.qid, {})
            if not grades:
                continue
            line = {
                "request_id": topic.qid, "query": topic.text, "shown": sorted(grades),
                "ts": NOW_MS - 365 * DAY_MS * (len(mixed) - i) // len(mixed) - 1,
                "clicked": sorted(d for d, g in grades.items() if g > 0),
                "positions_known": False,
            }  # fmt: skip
            out.write(orjson.dumps(line) + b"\n")


def _settings(overrides: Sequence[str] = ()) -> Settings:
    return Settings.load(
        ROOT / "config" / "search.toml",
        [*overrides, "channels.embedding.enabled=true", "tables.embeddings=true"],
    )


def _trained(
    name: str,
    place: Workplace,
    events: Path | None,
    sessions: Path,
    asked: list[Judged] | None,
    now_ms: int,
    samples: dict[str, Any],
) -> list[dict[str, Any]]:
    """Fit one model on each set of columns and measure all on the same lists."""
    import_log(place, [str(events)] if events else [], [str(sessions)], now_ms)
    snapshot = place.snapshot()
    refresh_tables(place, snapshot, now_ms)
    recipe = Recipe.load(RECIPE).limited(LISTS)
    recipe = recipe.model_copy(update={"split": recipe.split.model_copy(update={"test": 0.2})})
    log = load_events(place)
    timeline = Timeline(
        place.settings, snapshot, place.tables(snapshot), log, recipe.sampling.time_blocks
    )
    with place.door() as door:
        labelled = read_labelled(JudgedBy(sessions), recipe, log, None, door.of_known, now_ms)
    parts = cut(labelled.judged, recipe)
    names = recipe.feature_names(snapshot.documents.schema, timeline.channels)
    features = FeatureSet(CATALOG, tuple(dict.fromkeys([*names, *COSINES])))
    place.models.mkdir(parents=True, exist_ok=True)
    rows = [
        timeline.assemble(p, features, recipe.negatives, SEED, lambda _: None, place.models)
        for p in parts.fitting
    ]
    with ThreadPoolExecutor(1) as threads:
        variants = _variants(rows, features, recipe, timeline.channels, threads)
        compared = measure(asked or parts.test, timeline, variants, METRICS, SEED)
    values = {v: e.values for v, e in compared.evaluations.items()}
    samples[name] = {v: {m: x.tolist() for m, x in e.items()} for v, e in values.items()}
    found = [
        _row(name, v, m, compared.interval(v, m), compared.queries)
        for v, m in product(values, METRICS)
    ]
    for (ours, theirs), metric in product(PAIRS, METRICS):
        paired = compared.against(theirs, ours, metric)
        found.append(_row(name, f"{ours} − {theirs}", metric, paired, compared.queries))
    return found


PAIRS = (
    ("embedding alone", "vector alone"),
    ("fused and channel", "fused"),
    ("ranked and cosine_clicked", "ranked"),
    ("ranked and cosine_taste", "ranked"),
    ("ranked and cosines", "ranked"),
    ("ranked and cosines and channel", "ranked"),
)


def _variants(
    rows: Sequence[TrainingSet],
    features: FeatureSet,
    recipe: Recipe,
    channels: tuple[str, ...],
    threads: ThreadPoolExecutor,
) -> list[Variant]:
    others = tuple(c for c in channels if c != "embedding")
    variants = [
        Variant("vector alone", None, ("vector",)),
        Variant("embedding alone", None, ("embedding",)),
        Variant("fused", None, others),
        Variant("fused and channel", None, channels),
    ]
    plain = [n for n in features.names if n not in COSINES and "embedding" not in n]
    for name, columns, asked in (
        ("ranked", plain, others),
        ("ranked and cosine_clicked", [*plain, "cosine_clicked"], others),
        ("ranked and cosine_taste", [*plain, "cosine_taste"], others),
        ("ranked and cosines", [*plain, *COSINES], others),
        ("ranked and cosines and channel", list(features.names), channels),
    ):
        at = np.array([features.names.index(c) for c in columns], np.int64)
        fitted = fit(rows[0].columns(at), rows[1].columns(at), recipe, os.cpu_count() or 1)
        model = LightGbmModel.of(fitted.booster, tuple(columns), fitted.rounds)
        ranker = LocalRanker(FeatureSet(CATALOG, tuple(columns)), model, threads)
        variants.append(Variant(name, ranker, asked))
    return variants


def _mean(values: Sequence[float]) -> Interval:
    return mean_interval(np.array(values), SEED)


def _row(name: str, variant: str, metric: str, i: Interval, queries: int) -> dict[str, Any]:
    typer.echo(f"{name:<6} {variant:<46} {metric:<8} {i}")
    return {
        "set": name, "variant": variant, "metric": metric, "value": i.mean, "low": i.low,
        "high": i.high, "queries": queries,
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
