"""Does debiasing recover what position bias costs? Simulated clicks on real film judgements.

    DUOLU_DATASETS=DIR python benchmarks/debias.py [--lists 100000] [--seeds 5]

η is raised until a ranker trained on raw clicks loses 0.02 nDCG@10 against one trained on the true
labels; then each strategy is asked how much of the loss it recovers, on held-out queries with true
labels. Strategy → weights or positions → LightGBM is the way that `duolu train` goes. All models
boost the same number of rounds: raw clicks would stop theirs at the first, and the loss would be
that of stopping, not of learning. Prints a table and writes results/debias.json.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from debias_rows import FEATURES, judged_rows
from debias_world import Log, World, browse, examined, places
from real_sets import real_sets
from results_file import write
from scipy.stats import t as student

from app.domain.arrays import F64
from app.offline.clicks.strategies import STRATEGIES
from app.offline.dataset import TrainingSet
from app.offline.fit import Fitted, refit
from app.offline.recipe import Debias, Recipe

PARAMETERS = {
    "num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 500, "lambda_l2": 1.0,
    "feature_fraction": 0.6, "bagging_fraction": 0.5, "bagging_freq": 1,
    "lambdarank_truncation_level": 30, "lambdarank_norm": False,
}  # fmt: skip
"""For labels as noisy as clicks are; the true labels are learned with the same."""
RECIPE = Recipe(
    features=FEATURES, rounds=60, parameters=PARAMETERS,
    debias=Debias(max_position=24, clip=100.0),
)  # fmt: skip
ETAS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
LOSS = 0.02
CORRECTED = ("propensity", "unbiased_lambdarank")


def main(
    lists: Annotated[int, typer.Option(help="Shown lists a seed, to fit on.")] = 100_000,
    seeds: Annotated[int, typer.Option()] = 5,
    work: Annotated[Path, typer.Option(help="Where rows are kept.")] = Path("data/bench/debias"),
    threads: Annotated[int, typer.Option()] = 1,
) -> None:
    """Choose η on the first seed, measure on all."""
    source = real_sets()
    train, test = judged_rows(source, work)
    true = score(boosted(train, threads), test)
    typer.echo(f"true labels: nDCG@10 {true:.4f} on {len(test)} held-out queries")
    eta = 0.0
    for eta in ETAS:
        loss = true - run("none", draw(train, lists, eta, 0), test, threads)[0]
        typer.echo(f"eta {eta}: raw clicks lose {loss:.4f}")
        if loss >= LOSS:
            break
    samples: dict[str, Any] = {"eta": eta, "lists": lists, "true": true, "seeds": []}
    for seed in range(1, seeds + 1):
        started = time.perf_counter()
        log = draw(train, lists, eta, seed)
        found = {m: run(m, log, test, threads) for m in ("none", *CORRECTED)}
        curve = found["propensity"][1]
        wrong = np.abs(curve / examined(np.arange(1, curve.size + 1), eta) - 1)
        naive = found["none"][0]
        one = {
            "ndcg": {m: v for m, (v, _) in found.items()},
            "recovered": {m: (found[m][0] - naive) / (true - naive) for m in CORRECTED},
            "propensity": curve.tolist(), "error": wrong.tolist(),
            "clicks": int(log.clicked.sum()),
        }  # fmt: skip
        samples["seeds"].append(one)
        typer.echo(
            f"seed {seed}: {one['clicks']:,} clicks; naive {naive:.4f}; "
            + "; ".join(f"{m} {found[m][0]:.4f} ({one['recovered'][m]:.0%})" for m in CORRECTED)
            + f"; propensity off by {wrong.mean():.1%}, at most {wrong.max():.1%}"
            + f"; {time.perf_counter() - started:.0f} s"
        )
    rows = table(samples)
    typer.echo(f"written: {write('debias', rows, samples)}")


def draw(pairs: TrainingSet, lists: int, eta: float, seed: int) -> Log:
    """What was shown and clicked."""
    cosine = pairs.features[:, FEATURES.index("cosine")].astype(np.float64)
    return browse(World.draw(pairs, cosine, seed), lists, eta, seed)


def run(method: str, log: Log, test: TrainingSet, threads: int) -> tuple[float, F64]:
    """Train on corrected clicks; return nDCG@10 by true labels, and the propensities learned."""
    correction = STRATEGIES[method](log.sessions(), RECIPE.debias, RECIPE.seed)
    curve = correction.report.curve
    found = score(boosted(log.training(correction), threads), test)
    return found, np.empty(0) if curve is None else curve.value


def boosted(rows: TrainingSet, threads: int) -> Fitted:
    """Train on all features, all rounds."""
    columns = np.arange(len(FEATURES))
    return refit([rows], columns, RECIPE, Fitted(None, RECIPE.rounds, float("nan")), threads)


def score(fitted: Fitted, test: TrainingSet) -> float:
    """Mean nDCG@10 of the judged pairs of held-out queries, by true labels."""
    place = places(test, fitted.booster.predict(test.features, num_iteration=fitted.rounds))
    group = np.repeat(np.arange(len(test)), test.sizes)
    ideal = places(test, test.labels.astype(np.float64))
    gained, best = (
        np.bincount(group, np.where(p <= 10, test.labels / np.log2(p + 1.0), 0))
        for p in (place, ideal)
    )
    return float((gained / best).mean())


def table(samples: dict[str, Any]) -> list[dict[str, Any]]:
    """Print means over seeds with Student's 95 % intervals, and return the rows of the file."""
    rows = []
    seeds = samples["seeds"]
    figures = {f"nDCG@10 {m}": [s["ndcg"][m] for s in seeds] for m in ("none", *CORRECTED)}
    figures |= {f"recovered by {m}": [s["recovered"][m] for s in seeds] for m in CORRECTED}
    figures["mean error of the propensities"] = [float(np.mean(s["error"])) for s in seeds]
    typer.echo(f"true labels {samples['true']:.4f}, eta {samples['eta']}, {len(seeds)} seeds")
    for name, values in figures.items():
        low, high = student_interval(np.array(values))
        typer.echo(f"  {name:<34} {np.mean(values):.4f} [{low:.4f}, {high:.4f}]")
        rows.append(
            {"case": name, "value": float(np.mean(values)), "low": low, "high": high, "unit": "1"}
        )
    return rows


def student_interval(values: F64) -> tuple[float, float]:
    """Ends of the 95 % interval of the mean of a few values."""
    if values.size < 2:
        return float("nan"), float("nan")
    half = student.ppf(0.975, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size)
    return float(values.mean() - half), float(values.mean() + half)


if __name__ == "__main__":
    typer.run(main)
