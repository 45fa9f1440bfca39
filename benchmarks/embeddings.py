"""What vectors from behaviour add: alone, beside the text encoder, as features and as a channel.

    DUOLU_DATASETS=DIR python benchmarks/embeddings.py [--city data/demo] [--sets films,demo,msrd]

- films: ml_latest_small as in recall.py (each user's last fifth held out, empty query, seen films
  removed): recall@20 of the channel beside behaviour, profile and popular, by dim.
- demo, msrd: as in learned_sets.py.

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
import typer
from learned_sets import LearnedSet, assemble, demo_set, msrd_set, row
from real_sets import real_sets
from recall import recall
from relevance import NOW_MS, SEED, load_events, workplace
from results_file import kept_sets, write

from app.corpus.masks import row_mask
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
from app.offline.recipe import Recipe
from app.offline.reindex import reindex
from app.offline.replay import Replay
from app.offline.trec import read_qrels, read_queries
from app.offline.workflow import import_log
from app.offline.workplace import Workplace
from app.query.understand import SearchRequest
from app.rank.lightgbm_model import LightGbmModel
from app.rank.local import LocalRanker
from app.recall.channels.embedding import EmbeddingChannel
from app.snapshot.tables import Tables

METRICS = ("nDCG@10", "R@100")
COSINES = ("cosine_clicked", "cosine_taste")
ON = ("channels.embedding.enabled=true", "tables.embeddings=true")


def main(
    work: Annotated[Path, typer.Option()] = Path("data/bench/embeddings"),
    city: Annotated[Path, typer.Option(help="Made by scripts/demo_data.py.")] = Path("data/demo"),
    sets: Annotated[str, typer.Option(help="Which, by comma.")] = "films,demo,msrd",
) -> None:
    """Run them and write results/embeddings.json."""
    source = real_sets()
    shutil.rmtree(work, ignore_errors=True)
    chosen = sets.split(",")
    rows, samples = kept_sets("embeddings", chosen)
    for name in chosen:
        if name == "films":
            rows += films(source, work, samples)
        elif name == "demo":
            rows += trained(demo_set(city, work, ON), name, samples)
        else:
            rows += trained(msrd_set(source, work, ON), name, samples)
    typer.echo(f"written: {write('embeddings', rows, samples)}")


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
    rows = [row("films", name, "R@20", _mean(v), len(v)) for name, v in found.items()]
    ours = found["embedding dim 32"]
    for other in ("behaviour", "profile", "popular", "embedding dim 64"):
        paired = difference_interval(np.array(ours), np.array(found[other]), SEED)
        rows.append(row("films", f"embedding dim 32 − {other}", "R@20", paired, len(ours)))
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


def trained(one: LearnedSet, name: str, samples: dict[str, Any]) -> list[dict[str, Any]]:
    """Fit one model on each set of columns and measure all on the same lists."""
    world = assemble(one, COSINES)
    with ThreadPoolExecutor(1) as threads:
        channels = world.timeline.channels
        variants = _variants(world.rows, world.features, world.recipe, channels, threads)
        compared = measure(world.test, world.timeline, variants, METRICS, SEED)
    values = {v: e.values for v, e in compared.evaluations.items()}
    samples[name] = {v: {m: x.tolist() for m, x in e.items()} for v, e in values.items()}
    found = [
        row(name, v, m, compared.interval(v, m), compared.queries)
        for v, m in product(values, METRICS)
    ]
    for (ours, theirs), metric in product(PAIRS, METRICS):
        paired = compared.against(theirs, ours, metric)
        found.append(row(name, f"{ours} − {theirs}", metric, paired, compared.queries))
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


if __name__ == "__main__":
    typer.run(main)
