"""What the intent that the click log foretells adds to ranking, as features.

    DUOLU_DATASETS=DIR python benchmarks/intent.py [--city data/demo] [--sets demo,msrd]

The sets are those of learned_sets.py. Rows are assembled once with all features, each model is
fitted on its columns, and a pair's figures are differences on the same held-out queries, with 95 %
intervals. msrd's categories are films' first genres.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from learned_sets import LISTS, Assembled, assemble, demo_set, msrd_set, row
from real_sets import real_sets
from relevance import SEED
from results_file import kept_sets, write

from app.domain.user import PREFERENCE_FIELDS
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.offline.evaluate import Variant, measure
from app.offline.fit import fit
from app.rank.lightgbm_model import LightGbmModel
from app.rank.local import LocalRanker

METRICS = ("nDCG@10", "R@100")
TEMPLATES = tuple(name for name in CATALOG.templates if name.startswith("intent"))


def main(
    work: Annotated[Path, typer.Option()] = Path("data/bench/intent"),
    city: Annotated[Path, typer.Option(help="Made by scripts/demo_data.py.")] = Path("data/demo"),
    sets: Annotated[str, typer.Option(help="Which, by comma.")] = "demo,msrd",
    lists: Annotated[int, typer.Option(help="Newest of a log: to fit and to test.")] = LISTS,
) -> None:
    """Run them and write results/intent.json."""
    shutil.rmtree(work, ignore_errors=True)
    chosen_sets = sets.split(",")
    rows, samples = kept_sets("intent", chosen_sets)
    for name in chosen_sets:
        one = demo_set(city, work, ()) if name == "demo" else msrd_set(real_sets(), work, ())
        fields = [f for f in PREFERENCE_FIELDS if f in one.place.snapshot().documents.keywords]
        chosen = [f"{template}({field})" for field in fields for template in TEMPLATES]
        rows += compared(name, assemble(one, chosen, lists), samples)
    typer.echo(f"written: {write('intent', rows, samples)}")


def compared(name: str, world: Assembled, samples: dict[str, Any]) -> list[dict[str, Any]]:
    """Fit one model on each set of columns and measure all on the same lists."""
    groups = columns(world)
    with ThreadPoolExecutor(1) as threads:
        variants = [Variant("fused", None)]
        variants += [Variant(v, ranker(world, names, threads)) for v, names in groups.items()]
        found = measure(world.test, world.timeline, variants, METRICS, SEED)
    samples[name] = {
        v: {m: x.tolist() for m, x in e.values.items()} for v, e in found.evaluations.items()
    }
    rows = [
        row(name, v.name, metric, found.interval(v.name, metric), found.queries)
        for v, metric in product(variants, METRICS)
    ]
    for variant, metric in product([v for v in groups if v != "ranked"], METRICS):
        apart = found.against("ranked", variant, metric)
        rows.append(row(name, f"{variant} − ranked", metric, apart, found.queries))
    return rows


def columns(world: Assembled) -> Mapping[str, Sequence[str]]:
    """Name which features each model reads: the recipe's without intents, with some, with all."""
    names = world.features.names
    plain = [n for n in names if not n.startswith("intent")]
    of_category = [n for n in names if n.startswith("intent") and n.endswith("(category)")]
    groups = {"ranked": plain, "ranked and intent": list(names)}
    if of_category and len(plain) + len(of_category) < len(names):
        groups["ranked and category intent"] = [*plain, *of_category]
    return groups


def ranker(world: Assembled, names: Sequence[str], threads: ThreadPoolExecutor) -> LocalRanker:
    at = np.array([world.features.names.index(n) for n in names], np.int64)
    rows = [part.columns(at) for part in world.rows]
    fitted = fit(rows[0], rows[1], world.recipe, os.cpu_count() or 1)
    gains = fitted.gains()
    own = {n: gains[i] / gains.sum() for i, n in enumerate(names) if n.startswith("intent")}
    told = ", ".join(f"{n} {share:.3f}" for n, share in own.items())
    typer.echo(f"  {fitted.rounds} trees; shares of gain: {told}")
    model = LightGbmModel.of(fitted.booster, tuple(names), fitted.rounds)
    return LocalRanker(FeatureSet(CATALOG, tuple(names)), model, threads)


if __name__ == "__main__":
    typer.run(main)
