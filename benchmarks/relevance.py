"""Relevance on real data: lexical, each channel off, fused, ranked, on held-out queries.

    DUOLU_DATASETS=DIR python benchmarks/relevance.py [--sets msrd,baidu_mstpac,...]

Each set is converted, indexed and trained from nothing; the model sees the training part only.
Prints nDCG@10, R@100 and judged@10 with 95 % intervals, and writes results/relevance.json.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from real_sets import real_sets
from results_file import write

from app.corpus.event_columns import EventColumns
from app.corpus.event_log import EventLog
from app.corpus.string_keys import hash64
from app.offline.confidence import difference_interval, mean_interval
from app.offline.datasets import convert
from app.offline.datasets.dataset import Dataset, Part
from app.offline.evaluate import Variant, measure
from app.offline.judged import Judged
from app.offline.labelled import JudgedBy, read_judged, read_labelled
from app.offline.recipe import Recipe
from app.offline.reindex import reindex
from app.offline.timeline import Timeline
from app.offline.train import train
from app.offline.workflow import import_log, refresh_tables
from app.offline.workplace import Workplace
from app.rank.local import LocalRanker
from app.rank.release import open_release
from app.settings import Settings

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "models" / "lambdarank" / "recipe.toml"
SETS = ("msrd", "baidu_mstpac", "crosswoz", "vaswani")
METRICS = ("nDCG@10", "R@100", "AP", "Judged@10")
NOW_MS = 1_767_225_600_000  # 2026-01-01: queries without a time are asked then
SEED = 7


@dataclass(frozen=True, slots=True)
class Measured:
    """Per-query values of one variant over all folds."""

    values: dict[str, np.ndarray]  # metric → (q,)


def main(
    sets: Annotated[str, typer.Option(help="Which data sets, by comma.")] = ",".join(SETS),
    work: Annotated[Path, typer.Option(help="Where snapshots are built.")] = Path("data/bench"),
    switch_off: Annotated[
        int, typer.Option(help="Queries on which each channel is switched off in turn; 0 = none.")
    ] = 400,
) -> None:
    """Train on one part, measure on the other, print the table."""
    source = real_sets()
    rows: list[dict[str, Any]] = []
    samples: dict[str, Any] = {}
    for name in sets.split(","):
        started = time.perf_counter()
        shutil.rmtree(work / name, ignore_errors=True)
        convert(name, source, work / name / "source")
        found = run_set(Dataset.open(work / name / "source"), work / name, switch_off)
        rows += table(name, found)
        samples[name] = {v: {m: x.tolist() for m, x in f.values.items()} for v, f in found.items()}
        typer.echo(f"{name}: {time.perf_counter() - started:.0f} s")
    typer.echo(f"written: {write('relevance', rows, samples)}")


def run_set(dataset: Dataset, work: Path, switch_off: int) -> dict[str, Measured]:
    """Measure every variant over the set's folds, each held out once."""
    place = workplace(dataset, work)
    report = reindex([str(dataset.catalog)], place.settings, place.data, now_ms=NOW_MS)
    typer.echo(f"{dataset.name}: {report.documents:,} documents indexed")
    parts: dict[str, list[dict[str, np.ndarray]]] = {}
    for split in dataset.splits:
        for variant, values in run_split(place, split.train, split.test, switch_off).items():
            parts.setdefault(variant, []).append(values)
    return {
        v: Measured({m: np.concatenate([p[m] for p in folds]) for m in METRICS})
        for v, folds in parts.items()
    }


def run_split(
    place: Workplace, training: Part | None, test: Part, switch_off: int
) -> dict[str, dict[str, np.ndarray]]:
    """Train on the training part alone and measure on the test part."""
    snapshot = place.snapshot()
    place.events_file.unlink(missing_ok=True)
    recipe = Recipe.load(RECIPE)
    judged: list[Judged] = []
    if training is not None:
        files = [[str(f)] if f else [] for f in (training.events, training.sessions)]
        if any(files):
            import_log(place, files[0], files[1], NOW_MS)
            events = load_events(place)  # decay and windows count back from the log's end
            refresh_tables(place, snapshot, int(events.ts_ms[-1]) + 1 if events else NOW_MS)
        labels = JudgedBy(training.sessions, training.queries, training.qrels)
        if training.sessions is None and training.queries is None:
            labels = None
        events = load_events(place)
        if labels:
            with place.door() as door:
                judged = read_labelled(labels, recipe, events, None, door.of_known, NOW_MS).judged
    timeline = Timeline(
        place.settings, snapshot, place.tables(snapshot), load_events(place),
        recipe.sampling.time_blocks,
    )  # fmt: skip
    with place.door() as door:
        asked = read_judged(test.queries, test.qrels, door.of_known, NOW_MS)
    with ThreadPoolExecutor(1) as threads:
        ranker = None
        if judged:
            trained = train(
                judged, timeline, recipe, place.settings, place.stores.releases,
                now_ms=NOW_MS, recipe_file=RECIPE,
            )  # fmt: skip
            release = open_release(place.stores.releases.path(trained.release_id))
            ranker = LocalRanker.of(release, threads)
            typer.echo(f"  {trained.rounds} trees; {dict(list(trained.features.items())[:8])}")
        depth = place.settings.merge.max_candidates
        found = measure(asked, timeline, whole(ranker), METRICS, SEED, depth=depth).evaluations
        some = sorted(asked, key=lambda j: hash64(j.qid))[:switch_off]
        if some:
            off = switched_off(timeline.channels, ranker)
            sampled = measure(some, timeline, off, METRICS, SEED, depth=depth)
            found = {**found, **sampled.evaluations}
    return {v: dict(e.values) for v, e in found.items()}


def whole(ranker: LocalRanker | None) -> list[Variant]:
    """Text alone, every channel fused, every channel ranked."""
    variants = [Variant("lexical", None, ("lexical",)), Variant("fused")]
    return [*variants, Variant("ranked", ranker)] if ranker else variants


def switched_off(channels: Sequence[str], ranker: LocalRanker | None) -> list[Variant]:
    """The best that is there without each channel in turn, and with all of them beside it."""
    name = "ranked" if ranker else "fused"
    off = [Variant(f"{name} without {c}", ranker, _but(channels, c)) for c in channels]
    return [Variant(f"{name} with all (sample)", ranker), *off]


def _but(channels: Sequence[str], left_out: str) -> tuple[str, ...]:
    return tuple(c for c in channels if c != left_out)


def table(name: str, found: dict[str, Measured]) -> list[dict[str, Any]]:
    """Print one line a variant and return the rows of the result file."""
    rows = []
    typer.echo(f"\n{name}: {found['lexical'].values['nDCG@10'].size} held-out queries")
    for variant, m in found.items():
        judged = float(m.values["Judged@10"].mean())
        cells = []
        for metric in METRICS[:-1]:
            i = mean_interval(m.values[metric], SEED)
            cells.append(f"{metric} {i}")
            rows.append(_row(name, variant, metric, i, judged, m.values[metric].size))
        typer.echo(f"  {variant:<26} {'  '.join(cells)}  judged@10 {judged:.2f}")
    pairs = [("ranked", "lexical"), ("ranked", "fused"), ("fused", "lexical")]
    pairs += [(v, v.split(" without ")[0] + " with all (sample)") for v in found if "without" in v]
    for variant, baseline in pairs:
        if variant in found:
            ours, theirs = found[variant].values["nDCG@10"], found[baseline].values["nDCG@10"]
            i = difference_interval(ours, theirs, SEED)
            label = f"{variant} − {baseline}"
            typer.echo(f"  {label:<26} nDCG@10 {i} (paired)")
            rows.append(_row(name, label, "nDCG@10", i, None, ours.size))
    return rows


def _row(
    name: str, variant: str, metric: str, i: Any, judged: float | None, queries: int
) -> dict[str, Any]:
    return {
        "set": name, "variant": variant, "metric": metric, "value": i.mean, "low": i.low,
        "high": i.high, "judged_at_10": judged, "queries": queries,
    }  # fmt: skip


def workplace(dataset: Dataset, work: Path) -> Workplace:
    settings = Settings.load(ROOT / "config" / "search.toml", dataset.overrides)
    return Workplace(settings, work / "data", work / "models")


def load_events(place: Workplace) -> EventColumns | None:
    if not place.events_file.exists():
        return None
    log = EventLog.open(place.events_file)
    try:
        return EventColumns.load(log)
    finally:
        log.close()


if __name__ == "__main__":
    typer.run(main)
