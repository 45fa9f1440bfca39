"""Encoders beside one another on real data: what vectors find alone and add to words, and cost.

    DUOLU_DATASETS=DIR python benchmarks/encoders.py [--sets crosswoz,…] [--encoders svd,sentence]

Each set is indexed once with each encoder and its held-out queries are answered by words alone, by
vectors alone, and by all channels without a model. `--onnx DIR` adds a model of your own. Prints
nDCG@10, R@100 and judged@10 with 95 % intervals, milliseconds a query and documents a second, and
writes results/encoders.json.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from real_sets import real_sets
from relevance import NOW_MS, ROOT, SEED
from results_file import kept, write

from app.corpus.encoding import query_vector
from app.corpus.string_keys import hash64
from app.offline.confidence import mean_interval
from app.offline.datasets import convert
from app.offline.datasets.dataset import Dataset
from app.offline.evaluate import Variant, measure
from app.offline.judged import Judged
from app.offline.labelled import read_judged
from app.offline.reindex import reindex
from app.offline.timeline import Timeline
from app.offline.workplace import Workplace
from app.settings import Settings
from app.snapshot.snapshot import Snapshot

KINDS = {
    "svd": ("encoder.kind=app.corpus.svd:SvdEncoder",),
    "sentence": ("encoder.kind=app.corpus.sentence_encoder:SentenceEncoder",),
}
VARIANTS = (
    Variant("lexical", None, ("lexical",)),
    Variant("vector", None, ("vector",)),
    Variant("fused"),
)
METRICS = ("nDCG@10", "R@100", "Judged@10")
TIMED = 200  # queries
SETS = "crosswoz,msrd,baidu_mstpac,vaswani"


def main(
    sets: Annotated[str, typer.Option(help="Which data sets, by comma.")] = SETS,
    encoders: Annotated[str, typer.Option(help="Which encoders, by comma.")] = ",".join(KINDS),
    onnx: Annotated[str, typer.Option(help="Folder of an ONNX model, to compare as well.")] = "",
    queries: Annotated[int, typer.Option(help="At most so many of each set, by hash.")] = 1_000,
    work: Annotated[Path, typer.Option(help="Where snapshots are built.")] = Path(
        "data/bench/encoders"
    ),
) -> None:
    """Index, ask, print the table; what another run measured of other sets is kept."""
    source = real_sets()
    kinds: dict[str, tuple[str, ...]] = {name: KINDS[name] for name in encoders.split(",")}
    if onnx:
        own = "encoder.kind=app.corpus.onnx_encoder:OnnxEncoder"
        kinds["onnx"] = (own, f"encoder.options.path={onnx}")
    for name in sets.split(","):
        rows, samples = run_set(name, source, work / name, kinds, queries)
        others, before = kept("encoders", {row["case"] for row in rows})
        file = write("encoders", [*others, *rows], {**before, **samples})
        typer.echo(f"written: {file}")


def run_set(
    name: str, source: Path, work: Path, kinds: Mapping[str, tuple[str, ...]], queries: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Measure every encoder on one set."""
    shutil.rmtree(work, ignore_errors=True)
    convert(name, source, work / "source")
    dataset = Dataset.open(work / "source")
    rows, samples = [], {}
    for kind, overrides in kinds.items():
        settings = Settings.load(ROOT / "config" / "search.toml", [*dataset.overrides, *overrides])
        place = Workplace(settings, work / kind / "data", work / kind / "models")
        report = reindex([str(dataset.catalog)], settings, place.data, now_ms=NOW_MS)
        snapshot = place.snapshot()
        asked = held_out(dataset, place, queries)
        cost = {
            "query_ms": float(np.median(query_times(snapshot, asked))),
            "documents_per_s": report.documents / max(report.seconds["encode"], 1e-9),
        }
        timeline = Timeline(settings, snapshot, place.tables(snapshot), None, 1)
        depth = settings.merge.max_candidates
        found = measure(asked, timeline, VARIANTS, METRICS, SEED, depth=depth).evaluations
        for variant, evaluation in found.items():
            case = f"{name} {kind} {variant}"
            samples[case] = {m: evaluation.values[m].tolist() for m in METRICS}
            rows += rows_of(case, name, evaluation.values, cost)
    return rows, samples


def held_out(dataset: Dataset, place: Workplace, queries: int) -> list[Judged]:
    """Return the queries of the first test part, as many as asked for, drawn by their hash."""
    test = dataset.splits[0].test
    with place.door() as door:
        asked = read_judged(test.queries, test.qrels, door.of_known, NOW_MS)
    return sorted(asked, key=lambda one: hash64(one.qid))[:queries]


def query_times(snapshot: Snapshot, asked: list[Judged]) -> list[float]:
    """Return milliseconds of each text, none of them asked before."""
    texts = list(dict.fromkeys(one.request.text for one in asked))[:TIMED]
    took = []
    for text in texts:
        said = snapshot.analyzer.normalise(text)
        terms = snapshot.analyzer.query_terms(said, snapshot.documents.schema.analyzers)
        started = time.perf_counter()
        query_vector(snapshot.encoder, said, terms)
        took.append((time.perf_counter() - started) * 1e3)
    return took


def rows_of(
    case: str, name: str, values: Mapping[str, Any], cost: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Print one line and return a row for each metric."""
    rows, judged = [], float(values["Judged@10"].mean())
    for metric in METRICS[:-1]:
        i = mean_interval(values[metric], SEED)
        rows.append({
            "case": case, "set": name, "variant": case.partition(" ")[2], "metric": metric,
            "value": i.mean, "low": i.low, "high": i.high, "judged_at_10": judged,
            "queries": len(values[metric]), **cost,
        })  # fmt: skip
    cells = "  ".join(
        f"{r['metric']} {r['value']:.3f} [{r['low']:.3f}, {r['high']:.3f}]" for r in rows
    )
    typer.echo(
        f"  {case:<32} {cells}  judged@10 {judged:.2f}  {cost['query_ms']:.2f} ms a query  "
        f"{cost['documents_per_s']:,.0f} documents/s"
    )
    return rows


if __name__ == "__main__":
    typer.run(main)
