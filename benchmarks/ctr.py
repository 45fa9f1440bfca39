"""Click models: which kind tells clicks best, what one costs a search, and what it adds to ranking.

    python benchmarks/ctr.py --demo DIR [--max-groups N]

DIR holds a demo as scripts/demo_data.py writes it. It is indexed and imported from nothing. The
ranker is trained twice from one recipe, with and without `model(ctr)`, and both are asked the same
held-out lists of the log and the same queries with the hidden truth as grades. Writes
results/ctr.json, with the values of every query.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from results_file import write

from app.domain.query import GeoPoint, Query
from app.offline.confidence import Interval, difference_interval, mean_interval
from app.offline.ctr.report import click_lines
from app.offline.ctr.workflow import train_click_model
from app.offline.evaluate import Variant, measure
from app.offline.labelled import JudgedBy, read_judged, read_labelled
from app.offline.recipe import Recipe
from app.offline.reindex import reindex
from app.offline.timeline import Timeline
from app.offline.train import Trained, train
from app.offline.used import open_used
from app.offline.workflow import import_log, refresh_tables
from app.offline.workplace import Workplace
from app.rank.factorization import OBJECTIVES, FactorizationModel, Places, Shape, Weights
from app.rank.local import LocalRanker
from app.rank.release import open_release
from app.settings import Settings

ROOT = Path(__file__).parents[1]
RANKING = ROOT / "models" / "lambdarank" / "recipe.toml"
CLICKS = ROOT / "models" / "ctr" / "recipe.toml"
FEATURE = "model(ctr)"
METRIC = "nDCG@10"
CANDIDATES, ROUNDS, SEED = 500, 300, 7


def main(
    demo: Annotated[Path, typer.Option(help="What scripts/demo_data.py wrote.")],
    work: Annotated[Path, typer.Option(help="Where everything is built.")] = Path("data/bench-ctr"),
    max_groups: Annotated[int, typer.Option(help="Lists that the ranker learns from.")] = 10_000,
) -> None:
    """Measure kinds of click models, their cost, and their worth to ranking."""
    place = prepare(demo, work)
    now_ms = int(time.time() * 1e3)
    clicks = train_click_model(place, CLICKS, JudgedBy(), now_ms=now_ms, publish_it=True)
    for line in click_lines(clicks.trained, clicks.recipe):
        typer.echo(line)
    rows: list[dict[str, Any]] = [
        {"case": f"clicks: {name}", **m.to_json()} for name, m in clicks.trained.measured.items()
    ]
    rows += [
        {"case": f"clicks: {clicks.recipe.objective} − {name}", "log_loss": ends(d)}
        for name, d in clicks.trained.differences.items()
    ]
    took, samples = prediction_us()
    rows += [{"case": f"predict {CANDIDATES}: {name}", "ours": us, "unit": "µs"}
             for name, us in took.items()]  # fmt: skip
    more_rows, more_samples = ranking(place, demo, max_groups, now_ms)
    file = write("ctr", [*rows, *more_rows], {**samples, **more_samples})
    typer.echo(f"wrote {file}")


def prepare(demo: Path, work: Path) -> Workplace:
    """Index and import a demo once."""
    settings = Settings.load(ROOT / "config" / "search.toml", [])
    place = Workplace(settings, work / "data", work / "models")
    if place.stores.snapshots.current_id() is None:
        now_ms = int(time.time() * 1e3)
        reindex([str(demo / "catalog.jsonl")], settings, place.data, now_ms=now_ms, workers=1)
        import_log(place, [str(demo / "events.jsonl")], [str(demo / "sessions.jsonl")], now_ms)
        refresh_tables(place, place.snapshot(), now_ms)
    return place


def ranking(
    place: Workplace, demo: Path, max_groups: int, now_ms: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Train with and without the click model; ask both the same."""
    recipe = Recipe.load(RANKING).limited(max_groups)
    bare = tuple(f for f in recipe.features if f != FEATURE)
    snapshot, events = place.snapshot(), place.events()
    with place.door() as door:
        judged = read_labelled(
            JudgedBy(), recipe, events, place.stores.impressions, door.of_known, now_ms
        ).judged
        asked = read_judged(demo / "queries.jsonl", demo / "qrels.txt", door.of_known, now_ms)
    tables, trained, rankers = place.tables(snapshot), {}, []
    with ThreadPoolExecutor(1) as threads:
        for name, features in (("without", bare), ("with", (*bare, FEATURE))):
            one = recipe.model_copy(update={"features": features})
            used = open_used(one.models, place.models, one.uses, snapshot, events)
            timeline = Timeline(
                place.settings, snapshot, tables, events, recipe.sampling.time_blocks, models=used
            )
            trained[name] = train(
                judged, timeline, one, place.settings, place.stores.releases,
                now_ms=now_ms, recipe_file=RANKING,
            )  # fmt: skip
            release = open_release(place.stores.releases.path(trained[name].release_id))
            rankers.append(Variant(name, LocalRanker.of(release, threads)))
            typer.echo(f"{name}: {dict(list(trained[name].features.items())[:8])}")
        truth = measure(asked, timeline, rankers, (METRIC,), SEED).evaluations
    clicked = {n: t.comparison.evaluations["ranked"].values[METRIC] for n, t in trained.items()}
    graded = {n: e.values[METRIC] for n, e in truth.items()}
    rows = [*compared("held-out lists of the log", clicked), *compared("hidden truth", graded)]
    rows.append({"case": f"share of gain: {FEATURE}", "ours": share(trained["with"])})
    return rows, {"clicked": clicked, "truth": graded}


def compared(what: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Print and return both, and the paired difference."""
    difference = difference_interval(values["with"], values["without"], SEED)
    found = {n: mean_interval(v, SEED) for n, v in values.items()} | {"with − without": difference}
    for name, interval in found.items():
        typer.echo(f"{what}: {name:<15} {METRIC} {interval} on {values['with'].size}")
    return [{"case": f"{what}: {n}", "metric": METRIC, "value": ends(i)} for n, i in found.items()]


def share(trained: Trained) -> float:
    return trained.features.get(FEATURE, 0.0)


def prediction_us() -> tuple[dict[str, float], dict[str, list[float]]]:
    """Time one request over random documents, kinds in turn, hashing of the request included."""
    rng = np.random.default_rng(SEED)
    request = ("query", "term", "term_count", "user", "hour", "origin")
    document = ("id", "place", "category", "brand", "tags", "price", "rating")
    query = Query("", ("a", "b", "c"), 1_760_000_000_000, user_id="u", origin=GeoPoint(31, 121))
    models, m, n = {}, 100_000, 200_000
    for objective in OBJECTIVES:
        k = {"logistic": 0, "fm": 8, "ffm": 4}[objective]
        shape = Shape(objective, request, document, 18, k)
        hashes = np.sort(rng.choice(2**18, m, replace=False)).astype(np.int32)
        drawn = (rng.normal(size=s).astype(np.float32) for s in (m, (m, shape.width), 51))
        models[objective] = FactorizationModel(shape, Weights(hashes, *drawn))
    slots = rng.integers(0, m, (n, len(document))).astype(np.int32)
    places = {name: Places(slots, model.own(slots)) for name, model in models.items()}
    samples: dict[str, list[float]] = {f"predict {name}": [] for name in models}
    for _ in range(ROUNDS):
        rows = rng.choice(n, CANDIDATES, replace=False).astype(np.int32)
        for name, model in models.items():
            started = time.perf_counter()
            model.logits(query, places[name], rows)
            samples[f"predict {name}"].append((time.perf_counter() - started) * 1e6)
    took = {name: float(np.median(samples[f"predict {name}"])) for name in models}
    for name, us in took.items():
        typer.echo(f"{CANDIDATES} candidates, {name}: {us:.0f} µs")
    return took, samples


def ends(interval: Interval) -> list[float]:
    return [interval.mean, interval.low, interval.high]


if __name__ == "__main__":
    typer.run(main)
